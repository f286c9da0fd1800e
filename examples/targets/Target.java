import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.util.concurrent.Executors;
import java.util.regex.Pattern;

/** A target in the JDK alone: handles what the worker posts without wrapper (--format=unwrapped), one message a request. */
public class Target {
  private static final Pattern PRICE = Pattern.compile("\"price\":(\\d+)");

  static void handle(String messageId, String offer) {
    var price = PRICE.matcher(offer); // whoever has a JSON library uses it
    if (!price.find()) throw new IllegalArgumentException("no price");
    System.out.println(messageId + " " + price.group(1));
  }

  public static void main(String[] args) throws Exception {
    int port = Integer.parseInt(System.getenv().getOrDefault("PORT", "8081"));
    var server = HttpServer.create(new InetSocketAddress("127.0.0.1", port), 0);
    server.setExecutor(Executors.newCachedThreadPool());
    server.createContext("/", exchange -> {
      int status = 500; // whatever goes wrong, the message comes again
      try {
        var body = new String(exchange.getRequestBody().readAllBytes(), "UTF-8");
        handle(exchange.getRequestHeaders().getFirst("X-Goog-Pubsub-Message-Id"), body);
        status = 204; // done: the message is acked
      } catch (IllegalArgumentException e) { // it will never be of use
        status = 422;
        exchange.getResponseHeaders().set("Spillway-Verdict", "dead-letter; " + e.getMessage());
      } finally {
        exchange.sendResponseHeaders(status, -1);
        exchange.close();
      }
    });
    server.start();
  }
}
