// A target in Node: handles what the worker posts, one message a request.
import { createServer } from "node:http";

function handle(messageId, offer) {
  console.log(messageId, offer.price);
}

const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const { message } = JSON.parse(Buffer.concat(chunks));
  try {
    handle(message.messageId, JSON.parse(Buffer.from(message.data ?? "", "base64")));
    response.writeHead(204).end(); // done: the message is acked
  } catch (error) {
    if (!(error instanceof SyntaxError)) return response.writeHead(500).end(); // the message comes again
    const reason = error.message.replace(/[^ -~]/g, "?"); // a header's characters
    response.writeHead(422, { "Spillway-Verdict": `dead-letter; ${reason}` }).end(); // it will never be of use
  }
});

server.keepAliveTimeout = 120_000; // longer than the worker keeps an idle connection
server.listen(process.env.PORT ?? 8081, "127.0.0.1");
