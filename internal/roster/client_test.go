package roster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"spillway/internal/adc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server answers ListSubscriptions as a test wants it.
type server struct {
	pubsubpb.UnimplementedSubscriberServer
	answer func(context.Context, *pubsubpb.ListSubscriptionsRequest) (*pubsubpb.ListSubscriptionsResponse, error)
}

func (s *server) ListSubscriptions(ctx context.Context, req *pubsubpb.ListSubscriptionsRequest) (*pubsubpb.ListSubscriptionsResponse, error) {
	return s.answer(ctx, req)
}

type answerFunc = func(context.Context, *pubsubpb.ListSubscriptionsRequest) (*pubsubpb.ListSubscriptionsResponse, error)

// calls collects what the client observes.
type calls struct {
	mu   sync.Mutex
	list []string
}

func (c *calls) observe(method, project string, code codes.Code, _ time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, fmt.Sprintf("%s %s %s", method, project, code))
}

func dial(t *testing.T, answer answerFunc) (*Client, *calls) {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	wire := grpc.NewServer()
	pubsubpb.RegisterSubscriberServer(wire, &server{answer: answer})
	served := make(chan error, 1)
	go func() { served <- wire.Serve(ln) }()
	t.Cleanup(func() {
		wire.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	seen := &calls{}
	client, err := Dial(t.Context(), Options{Endpoint: ln.Addr().String(), Observe: seen.observe})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return client, seen
}

func subs(next string, names ...string) *pubsubpb.ListSubscriptionsResponse {
	resp := &pubsubpb.ListSubscriptionsResponse{NextPageToken: next}
	for _, name := range names {
		resp.Subscriptions = append(resp.Subscriptions, &pubsubpb.Subscription{Name: name})
	}
	return resp
}

func TestEveryPageIsListedAndCounted(t *testing.T) {
	pages := map[string]*pubsubpb.ListSubscriptionsResponse{
		"":  subs("2", "projects/shop/subscriptions/offers", "projects/shop/subscriptions/orders"),
		"2": subs("3"),
		"3": subs("", "projects/shop/subscriptions/stock", "projects/elsewhere/subscriptions/offers", "nonsense", ""),
	}
	client, seen := dial(t, func(_ context.Context, req *pubsubpb.ListSubscriptionsRequest) (*pubsubpb.ListSubscriptionsResponse, error) {
		if req.GetProject() != "projects/shop" {
			return nil, status.Error(codes.InvalidArgument, req.GetProject())
		}
		return pages[req.GetPageToken()], nil
	})
	got, err := client.List(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"offers", "orders", "stock"}; !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	// The library asks for the page after an empty one by itself.
	if diff := cmp.Diff(slices.Repeat([]string{"ListSubscriptions shop OK"}, len(seen.list)), seen.list); diff != "" || len(seen.list) < 2 {
		t.Fatalf("observed %v", seen.list)
	}
}

func TestAProjectWithoutSubscriptions(t *testing.T) {
	client, _ := dial(t, func(context.Context, *pubsubpb.ListSubscriptionsRequest) (*pubsubpb.ListSubscriptionsResponse, error) {
		return &pubsubpb.ListSubscriptionsResponse{}, nil
	})
	if got, err := client.List(t.Context(), "shop"); err != nil || len(got) != 0 {
		t.Fatalf("got %v, %v", got, err)
	}
}

func TestAListWithoutEndIsGivenUp(t *testing.T) {
	client, seen := dial(t, func(context.Context, *pubsubpb.ListSubscriptionsRequest) (*pubsubpb.ListSubscriptionsResponse, error) {
		return subs("more", "projects/shop/subscriptions/offers"), nil
	})
	if _, err := client.List(t.Context(), "shop"); err == nil || !strings.Contains(err.Error(), "does not end") || len(seen.list) != maxPages {
		t.Fatalf("%d pages, then %v", len(seen.list), err)
	}
}

func TestFailuresAreOneLineWithTheCure(t *testing.T) {
	for code, cure := range map[codes.Code]string{
		codes.PermissionDenied: "grant roles/pubsub.viewer", codes.Unavailable: "said so", codes.Unimplemented: "said so",
	} {
		t.Run(code.String(), func(t *testing.T) {
			client, seen := dial(t, func(context.Context, *pubsubpb.ListSubscriptionsRequest) (*pubsubpb.ListSubscriptionsResponse, error) {
				return nil, status.Error(code, "the service\n said so"+strings.Repeat("é", maxMessage))
			})
			_, err := client.List(t.Context(), "shop")
			if err == nil || !strings.Contains(err.Error(), cure) || !strings.Contains(err.Error(), code.String()) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("got %v", err)
			}
			if len(err.Error()) > 2*maxMessage || len(seen.list) != 1 || seen.list[0] != "ListSubscriptions shop "+code.String() {
				t.Fatalf("observed %v, got %v", seen.list, err)
			}
		})
	}
}

func TestASilentServerIsWaitedForAsLongAsTheContextSays(t *testing.T) {
	client, _ := dial(t, func(ctx context.Context, _ *pubsubpb.ListSubscriptionsRequest) (*pubsubpb.ListSubscriptionsResponse, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := client.List(ctx, "shop"); err == nil || !strings.Contains(err.Error(), codes.DeadlineExceeded.String()) {
		t.Fatalf("got %v", err)
	}
}

func TestMissingCredentialsAreNoticed(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(t.TempDir(), "key.json"))
	t.Setenv("GCE_METADATA_HOST", strings.TrimPrefix(closed.URL, "http://"))
	if _, err := Dial(t.Context(), Options{Universe: "example.com"}); !errors.Is(err, adc.ErrMissing) {
		t.Fatalf("got %v", err)
	}
}
