package push

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"spillway/internal/backlog"
)

// readLimit bounds the time in which a body must have come.
const readLimit = 30 * time.Second

// busyRetry is what Retry-After says when there is no room. Pub/Sub does not read it and slows down by its own rule.
const busyRetry = time.Second

// ErrUndecided is matched by errors of Tokens that say nothing about the token: it could not be checked.
var ErrUndecided = errors.New("the token cannot be checked now")

// Flow handles messages. Submit returns when the message's fate is known; it is called from many goroutines at once, and ends
// early when ctx does, because then nobody waits for the answer any more.
type Flow interface {
	Submit(ctx context.Context, m *backlog.Message) Outcome
}

// Tokens checks the bearer token of a delivery: nil lets it in. Its errors must not hold any of the token.
type Tokens interface {
	Verify(ctx context.Context, token string) error
}

// Endpoint is one flow's end of the path /push/{flow}.
type Endpoint struct {
	// Subscription is the one whose messages the flow handles. A delivery that names another is refused.
	Subscription backlog.Subscription
	Flow         Flow
	// Tokens is nil where every delivery is let in.
	Tokens Tokens
}

// Handler answers POST /push/{flow}. It is safe for concurrent use.
type Handler struct {
	endpoints map[string]Endpoint
	room      *room
	now       func() time.Time
	readLimit time.Duration // readLimit, but in tests
	rarely    *zap.Logger   // the first entry of each text in a minute
}

// NewHandler returns a handler for endpoints by flow. The bodies of all deliveries together take at most maxBytes, or a single one
// if that is more.
func NewHandler(endpoints map[string]Endpoint, maxBytes int64, now func() time.Time, log *zap.Logger) *Handler {
	rarely := log.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core {
		return zapcore.NewSamplerWithOptions(core, time.Minute, 1, 0)
	}))
	return &Handler{endpoints: endpoints, room: newRoom(maxBytes), now: now, readLimit: readLimit, rarely: rarely}
}

// ServeHTTP implements http.Handler. Only 204 acknowledges.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("flow")
	endpoint, ok := h.endpoints[name]
	if !ok {
		http.Error(w, "no flow of this name takes push deliveries", http.StatusNotFound)
		return
	}
	log := h.rarely.With(zap.String("flow", name))
	if err := authenticate(r, endpoint.Tokens); err != nil {
		log.Warn("a push delivery was not let in; the metrics count the others of this minute", zap.Error(err))
		refuse(w, err)
		return
	}
	if r.ContentLength > MaxBody {
		http.Error(w, errTooLarge.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	size := announced(r)
	if !h.room.take(size) {
		// Unread, it would end the connection, and the answer might be lost with it.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(h.readLimit))
		_, _ = io.CopyN(io.Discard, r.Body, MaxBody)
		retryLater(w, http.StatusTooManyRequests, busyRetry, "too many deliveries at once")
		return
	}
	defer h.room.give(size)
	m, err := h.receive(w, r, endpoint.Subscription)
	if err != nil {
		log.Warn("a push delivery cannot be read; the metrics count the others of this minute", zap.Error(err))
		http.Error(w, err.Error(), statusOf(err))
		return
	}
	answer(w, endpoint.Flow.Submit(r.Context(), m))
}

// authenticate checks the request's bearer token, if it has to have one.
func authenticate(r *http.Request, tokens Tokens) error {
	if tokens == nil {
		return nil
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return errors.New("there is no bearer token")
	}
	return tokens.Verify(r.Context(), strings.TrimSpace(token))
}

func refuse(w http.ResponseWriter, err error) {
	if errors.Is(err, ErrUndecided) {
		retryLater(w, http.StatusServiceUnavailable, busyRetry, err.Error())
		return
	}
	w.Header().Set("WWW-Authenticate", "Bearer")
	http.Error(w, err.Error(), http.StatusUnauthorized)
}

// receive reads and decodes the delivery.
func (h *Handler) receive(w http.ResponseWriter, r *http.Request, want backlog.Subscription) (*backlog.Message, error) {
	// A connection that is not one of net/http's, as in tests, has no deadlines.
	conn := http.NewResponseController(w)
	_ = conn.SetReadDeadline(time.Now().Add(h.readLimit))
	body, err := readBody(http.MaxBytesReader(w, r.Body, MaxBody), r.ContentLength)
	if err != nil {
		return nil, err
	}
	// From here on, reading serves to notice that the other side has gone.
	_ = conn.SetReadDeadline(time.Time{})
	m, subscription, err := decode(r.Header, body, h.now())
	if err != nil {
		return nil, err
	}
	// The ID alone counts: a project has a number beside its name.
	if got, err := backlog.ParseSubscription(subscription, want.Project); subscription != "" && (err != nil || got.ID != want.ID) {
		return nil, fault("the delivery is of another subscription than the flow's")
	}
	return m, nil
}

// readBody reads a body of the announced length, or of any for -1, from a reader that ends at MaxBody.
func readBody(body io.Reader, announced int64) ([]byte, error) {
	var buf []byte
	var err error
	if announced >= 0 {
		buf = make([]byte, announced)
		_, err = io.ReadFull(body, buf)
	} else {
		buf, err = io.ReadAll(body)
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, errTooLarge
	}
	if err != nil {
		return nil, fault("the body did not come whole")
	}
	return buf, nil
}

// announced is how much memory the body may take, in bytes.
func announced(r *http.Request) int64 {
	if r.ContentLength < 0 {
		return MaxBody
	}
	return r.ContentLength
}

// retryLater answers with a delay in whole seconds.
func retryLater(w http.ResponseWriter, status int, delay time.Duration, text string) {
	w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(delay.Seconds()))))
	http.Error(w, text, status)
}
