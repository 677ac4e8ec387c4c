package postroad

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/postroad/postroad/clients/go/postroadv1"
)

// A context's end is context.Canceled and an *Error, also where it has a cause of its own.
func TestContextsEndIsTold(t *testing.T) {
	reason := errors.New("shutting down")
	for name, wait := range map[string]func(*Client, context.Context) error{
		"post": func(c *Client, ctx context.Context) error {
			_, err := newTestPublisher(t, c).Post(ctx, Event{Topic: "orders"})
			return err
		},
		"flush": func(c *Client, ctx context.Context) error {
			p := newTestPublisher(t, c)
			p.Publish(context.Background(), Event{Topic: "orders"})
			return p.Flush(ctx)
		},
		"stream": func(c *Client, ctx context.Context) error {
			return newTestStream(t, c).Run(ctx, func(context.Context, *Message) error { return nil })
		},
		"subscriber": func(c *Client, ctx context.Context) error {
			s, err := c.Subscriber("billing", func(context.Context, *Delivery) error { return nil })
			if err != nil {
				t.Fatal(err)
			}
			return s.Run(ctx)
		},
		"admin": func(c *Client, ctx context.Context) error {
			_, err := c.Admin().Stats(ctx)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			accepted := make(chan struct{}, 10)
			c := dialTest(t, listen(t, acceptsOnly(accepted)), WithConnectTimeout(time.Hour))
			ctx, cancel := context.WithCancelCause(testContext(t))
			go func() {
				<-accepted
				cancel(reason)
			}()
			err := wait(c, ctx)
			var e *Error
			if !errors.Is(err, context.Canceled) || !errors.Is(err, reason) || !errors.As(err, &e) || e.Code != codes.Canceled {
				t.Errorf("%v", err)
			}
		})
	}
}

// A server's CANCELLED, or the client's own Close, is not the caller's context.
func TestOthersCancelIsNotTheContexts(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	c := dialScripted(t, &scripted{post: func(_ context.Context, r *pb.PostRequest) (*pb.PostResponse, error) {
		close(arrived)
		<-release
		return accept(r, 1), nil
	}})
	if err := errorOf(status.Error(codes.Canceled, "by the server")); errors.Is(err, context.Canceled) || codeOf(err) != codes.Canceled {
		t.Errorf("%v", err)
	}
	l, err := c.acquire(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		<-arrived
		l.close()
	}()
	_, err = pb.NewPostroadClient(l.cc).Post(testContext(t), &pb.PostRequest{})
	if err = errorOf(err); !errors.Is(err, ErrClosed) || errors.Is(err, context.Canceled) {
		t.Errorf("the connection was closed: %v", err)
	}
}

func TestGivingUpIsSaidOnce(t *testing.T) {
	if text := gaveUp(ErrUnavailable, time.Hour).Error(); strings.Count(text, "postroad:") != 1 || !strings.Contains(text, "gave up after 1h0m0s") {
		t.Error(text)
	}
}
