// rsocket-go's own client: client <transport> <host> <port> tries the server that
// tests/interop/rsocket/echo_server.cc is, and prints a line "<check>: pass", "…: fail <why>" or
// "…: none <why>" (it cannot) for each check.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rsocket/rsocket-go"
	"github.com/rsocket/rsocket-go/core/transport"
	"github.com/rsocket/rsocket-go/payload"
	"github.com/rsocket/rsocket-go/rx"
	"github.com/rsocket/rsocket-go/rx/flux"
	"github.com/rsocket/rsocket-go/rx/mono"
)

const patience = 15 * time.Second

var kind, host = os.Args[1], os.Args[2]

func wire() transport.ClientTransporter {
	port, _ := strconv.Atoi(os.Args[3])
	if kind == "tcp" {
		return rsocket.TCPClient().SetHostAndPort(host, port).Build()
	}
	return rsocket.WebsocketClient().SetURL(fmt.Sprintf("ws://%s:%d/rsocket", host, port)).Build()
}

func within() context.Context {
	ctx, _ := context.WithTimeout(context.Background(), patience) //nolint: ends with the program
	return ctx
}

func connect() (rsocket.Client, error) {
	return rsocket.Connect().Transport(wire()).Start(context.Background())
}

func ask(c rsocket.Client, what string) (string, error) {
	answer, err := c.RequestResponse(payload.NewString(what, "")).Block(within())
	if err != nil {
		return "", err
	}
	return answer.DataUTF8(), nil
}

func inOrder(seen []payload.Payload, count int) error {
	if len(seen) != count {
		return fmt.Errorf("%d came", len(seen))
	}
	for i, p := range seen {
		if strings.TrimSpace(p.DataUTF8()) != strconv.Itoa(i) {
			return fmt.Errorf("number %d is %q", i, p.DataUTF8())
		}
	}
	return nil
}

func requestResponse(c rsocket.Client) error {
	answer, err := c.RequestResponse(payload.NewString("ping", "meta")).Block(within())
	if err != nil {
		return err
	}
	if metadata, _ := answer.MetadataUTF8(); answer.DataUTF8() != "ping" || metadata != "meta" {
		return errors.New("the echo differs")
	}
	return nil
}

func errorOfARequest(c rsocket.Client) error {
	if _, err := ask(c, "fail"); err == nil || !strings.Contains(err.Error(), "failed as asked") {
		return fmt.Errorf("got %v", err)
	}
	return nil
}

func fireAndForget(c rsocket.Client) error {
	for range 10 {
		c.FireAndForget(payload.NewString("x", ""))
	}
	return counts(c, "10 0")
}

func metadataPush(c rsocket.Client) error {
	c.MetadataPush(payload.NewString("", "m"))
	return counts(c, "0 1")
}

func counts(c rsocket.Client, want string) error {
	got := ""
	for end := time.Now().Add(patience); got != want && time.Now().Before(end); {
		var err error
		if got, err = ask(c, "counts"); err != nil {
			return err
		}
	}
	if got != want {
		return fmt.Errorf("counted %s", got)
	}
	return nil
}

func requestStream(c rsocket.Client) error {
	seen, err := c.RequestStream(payload.NewString("1000", "")).BlockSlice(within())
	if err != nil {
		return err
	}
	return inOrder(seen, 1000)
}

// taker asks for as many as it is told to.
type taker struct {
	mu           sync.Mutex
	seen         []payload.Payload
	subscription rx.Subscription
}

func (t *taker) subscribe(f flux.Flux, first int) {
	f.Subscribe(context.Background(),
		rx.OnSubscribe(func(_ context.Context, s rx.Subscription) {
			t.subscription = s
			s.Request(first)
		}),
		rx.OnNext(func(p payload.Payload) error {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.seen = append(t.seen, payload.Clone(p))
			return nil
		}))
}

func (t *taker) all() []payload.Payload {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seen
}

// askFor asks for more beside what it has, and waits for it; it returns how many were asked for
// in all. The client counts a request only after it has sent it: payloads that come in between
// lie in its queue until another comes. So one more is asked for each time nothing comes.
func (t *taker) askFor(more, have int) int {
	t.subscription.Request(more)
	asked := have + more
	for nudges := 0; nudges < 10; nudges++ {
		for end := time.Now().Add(time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			if len(t.all()) >= have+more {
				return asked
			}
		}
		t.subscription.Request(1)
		asked++
	}
	return asked
}

func (t *taker) comeTo(count int) error {
	for end := time.Now().Add(patience); len(t.all()) < count && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	return inOrder(t.all(), count)
}

func backpressure(c rsocket.Client) error {
	var t taker
	t.subscribe(c.RequestStream(payload.NewString("100", "")), 5)
	if err := t.comeTo(5); err != nil {
		return err
	}
	if _, err := ask(c, "in between"); err != nil {
		return err
	}
	if err := t.comeTo(5); err != nil {
		return err
	}
	asked := t.askFor(10, 5)
	t.subscription.Cancel()
	if _, err := ask(c, "after cancel"); err != nil {
		return err
	}
	seen := t.all()
	if len(seen) < 15 || len(seen) > asked {
		return fmt.Errorf("%d came of %d asked for", len(seen), asked)
	}
	return inOrder(seen, len(seen))
}

func requestChannel(c rsocket.Client) error {
	var out []payload.Payload
	for i := range 500 {
		out = append(out, payload.NewString(strconv.Itoa(i), ""))
	}
	seen, err := c.RequestChannel(flux.Just(out...)).BlockSlice(within())
	if err != nil {
		return err
	}
	return inOrder(seen, 500)
}

func serverAsksClient(rsocket.Client) error {
	c, err := rsocket.Connect().Acceptor(func(context.Context, rsocket.RSocket) rsocket.RSocket {
		return rsocket.NewAbstractSocket(rsocket.RequestResponse(func(p payload.Payload) mono.Mono {
			return mono.Just(payload.NewString("re "+p.DataUTF8(), ""))
		}))
	}).Transport(wire()).Start(context.Background())
	if err != nil {
		return err
	}
	defer c.Close()
	if answer, err := ask(c, "ask why"); answer != "re why" {
		return fmt.Errorf("got %s, %v", answer, err)
	}
	return nil
}

func largePayloads(rsocket.Client) error {
	c, err := rsocket.Connect().Fragment(60_000).Transport(wire()).Start(context.Background())
	if err != nil {
		return err
	}
	defer c.Close()
	large := strings.Repeat("7", 1<<20)
	if answer, err := ask(c, large); answer != large {
		return fmt.Errorf("the echo differs: %d bytes, %v", len(answer), err)
	}
	if answer, err := ask(c, "size 4000000"); len(answer) != 4_000_000 {
		return fmt.Errorf("%d bytes came, %v", len(answer), err)
	}
	return nil
}

func keepalive(rsocket.Client) error {
	closed := make(chan error, 1)
	c, err := rsocket.Connect().KeepAlive(500*time.Millisecond, time.Second, 4).
		OnClose(func(err error) { closed <- err }).Transport(wire()).Start(context.Background())
	if err != nil {
		return err
	}
	defer c.Close()
	var t taker
	t.subscribe(c.RequestStream(payload.NewString("1000000000 1000", "")), 1)
	for end := time.Now().Add(9 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		t.subscription.Request(50)
	}
	select {
	case err := <-closed:
		return fmt.Errorf("it was closed: %w", err)
	default:
	}
	t.subscription.Cancel()
	if len(t.all()) <= 1000 {
		return fmt.Errorf("%d came", len(t.all()))
	}
	return nil
}

func lease(rsocket.Client) error {
	c, err := rsocket.Connect().Lease().Transport(wire()).Start(context.Background())
	if err != nil {
		return err
	}
	defer c.Close()
	answer := ""
	for end := time.Now().Add(patience); answer != "leased" && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		answer, err = ask(c, "leased")
	}
	if answer != "leased" {
		return fmt.Errorf("got %q, %w", answer, err)
	}
	return nil
}

func refusedSetup(rsocket.Client) error {
	closed := make(chan error, 1)
	c, err := rsocket.Connect().SetupPayload(payload.NewString("refuse me", "")).
		OnClose(func(err error) { closed <- err }).Transport(wire()).Start(context.Background())
	if err == nil {
		defer c.Close()
		select {
		case err = <-closed:
		case <-time.After(patience):
			return errors.New("it was not closed")
		}
	}
	if err == nil || !strings.Contains(err.Error(), "refused as asked") {
		return fmt.Errorf("got %v", err)
	}
	return nil
}

func serverRestart(rsocket.Client) error {
	closed := make(chan error, 1)
	c, err := rsocket.Connect().OnClose(func(err error) { closed <- err }).Transport(wire()).Start(context.Background())
	if err != nil {
		return err
	}
	go func() { _, _ = ask(c, "restart") }()
	select {
	case <-closed:
	case <-time.After(patience):
		return errors.New("it was not closed")
	}
	_ = c.Close()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		again, connected := connect()
		if err = connected; err != nil {
			continue
		}
		answer := ""
		answer, err = ask(again, "after")
		_ = again.Close()
		if answer == "after" {
			return nil
		}
	}
	return fmt.Errorf("the server did not come back: %w", err)
}

func badMetadata(rsocket.Client) error {
	c, err := rsocket.Connect().MetadataMimeType("message/x.rsocket.routing.v0").
		Transport(wire()).Start(context.Background())
	if err != nil {
		return err
	}
	defer c.Close()
	answer, err := c.RequestResponse(payload.NewString("route", "\x05hello")).Block(within())
	if err != nil || answer.DataUTF8() != "hello" {
		return fmt.Errorf("another route, %v", err)
	}
	_, err = c.RequestResponse(payload.NewString("route", "notifications.stream")).Block(within())
	if err == nil || !strings.Contains(err.Error(), "byte 0") ||
		!strings.Contains(err.Error(), "sent without its length byte") {
		return fmt.Errorf("got %v", err)
	}
	if after, err := ask(c, "after"); after != "after" {
		return fmt.Errorf("the connection is gone: %v", err)
	}
	return nil
}

func main() {
	checks := []struct {
		name string
		run  func(rsocket.Client) error
	}{
		{"request-response", requestResponse}, {"error of a request", errorOfARequest},
		{"fire-and-forget", fireAndForget}, {"metadata push", metadataPush},
		{"request-stream", requestStream}, {"backpressure", backpressure},
		{"request-channel", requestChannel}, {"server asks client", serverAsksClient},
		{"large payloads", largePayloads}, {"keepalive past its lifetime", keepalive},
		{"lease", lease}, {"refused SETUP", refusedSetup},
		{"server restart", serverRestart}, {"bad metadata", badMetadata},
	}
	for _, check := range checks {
		outcome := "pass"
		c, err := connect()
		if err == nil {
			done := make(chan error, 1)
			go func() { done <- check.run(c) }()
			select {
			case err = <-done:
			case <-time.After(2 * patience):
				err = errors.New("it does not end")
			}
			_ = c.Close()
		}
		if err != nil {
			outcome = "fail " + strings.ReplaceAll(err.Error(), "\n", " ")
		}
		fmt.Printf("%s: %s\n", check.name, outcome)
	}
	fmt.Println("resumption: none its sessions cannot be cut from outside")
	fmt.Println("malformed frame: none its socket is out of reach")
}
