// Package logging makes the functions' log: a line of JSON for each thing that happened,
// which says what it was about, so that one request can be followed through every function
// that had it. The members are the same everywhere:
//
//	request, tenant, action, attempt   what is worked on
//	connection                         whose message it was
//	trace                              the request's trace, or else the run's, as X-Ray writes its id
//	invocation                         the run of the function
//
// No line has a token, a payload, a result or the signature of a link in it; the log of a
// whole test run is searched for them (integ.TestLogsKeepSecrets).
package logging

import (
	"context"
	"io"
	"log/slog"
	"slices"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/pay-theory/streamer/internal/tracing"
)

// New writes lines to out.
func New(out io.Writer) *slog.Logger {
	return slog.New(handler{slog.NewJSONHandler(out, nil)})
}

type key struct{}

// About says what the lines are about that are logged with the returned context, in pairs of
// a name and a value, beside what ctx says already.
func About(ctx context.Context, pairs ...any) context.Context {
	var r slog.Record
	r.Add(pairs...)
	about := slices.Clip(attrs(ctx))
	r.Attrs(func(a slog.Attr) bool {
		about = slices.DeleteFunc(slices.Clone(about), func(b slog.Attr) bool { return b.Key == a.Key })
		about = append(about, a)
		return true
	})
	return context.WithValue(ctx, key{}, about)
}

func attrs(ctx context.Context) []slog.Attr {
	about, _ := ctx.Value(key{}).([]slog.Attr)
	return about
}

// handler adds what a context says a line is about. What the line says itself stands.
type handler struct{ slog.Handler }

// Handle implements slog.Handler.
func (h handler) Handle(ctx context.Context, r slog.Record) error {
	said := map[string]bool{}
	r.Attrs(func(a slog.Attr) bool { said[a.Key] = true; return true })
	add := func(a slog.Attr) {
		if !said[a.Key] && !a.Equal(slog.String(a.Key, "")) {
			r.AddAttrs(a)
		}
	}
	for _, a := range attrs(ctx) {
		add(a)
	}
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		add(slog.String("invocation", lc.AwsRequestID))
	}
	if id := tracing.IDOf(ctx); id != "" {
		add(slog.String("trace", id))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h handler) WithGroup(name string) slog.Handler { return handler{h.Handler.WithGroup(name)} }
