package harness

import (
	"bufio"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"
)

// echo is a server that sends back what it gets.
func echo(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	t.Cleanup(func() { _ = listener.Close(); running.Wait() })
	running.Add(1)
	go func() {
		defer running.Done()
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			running.Add(1)
			go func() {
				defer running.Done()
				_, _ = io.Copy(c, c)
				_ = c.Close()
			}()
		}
	}()
	return listener.Addr().String()
}

// line is a connection through the proxy.
type line struct {
	t *testing.T
	net.Conn
	in *bufio.Reader
}

func call(t *testing.T, p *Proxy) *line {
	t.Helper()
	c, err := net.Dial("tcp", p.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(Patience))
	return &line{t: t, Conn: c, in: bufio.NewReader(c)}
}

// say says how the answer came.
func (l *line) say(text string) error {
	if _, err := l.Write([]byte(text + "\n")); err != nil {
		return err
	}
	got, err := l.in.ReadString('\n')
	if err == nil && got != text+"\n" {
		l.t.Errorf("got %q, want %q", got, text)
	}
	return err
}

func (l *line) mustSay(text string) {
	l.t.Helper()
	if err := l.say(text); err != nil {
		l.t.Fatal(err)
	}
}

func TestConnectionsAreResetOrFinished(t *testing.T) {
	p := NewProxy(t, echo(t))
	for how, want := range map[End]error{Reset: syscall.ECONNRESET, Finish: io.EOF} {
		l := call(t, p)
		l.mustSay("before")
		p.Break(how)
		if _, err := l.in.ReadByte(); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	call(t, p).mustSay("a new one works")
	if p.Accepted() != 3 {
		t.Errorf("accepted %d", p.Accepted())
	}
}

func TestABlackHoleStaysOpenAndSilent(t *testing.T) {
	p := NewProxy(t, echo(t))
	l := call(t, p)
	l.mustSay("before")
	p.BlackHole()
	call(t, p).mustSay("a new one works")
	_ = l.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	var late net.Error
	if err := l.say("swallowed"); !errors.As(err, &late) || !late.Timeout() {
		t.Errorf("got %v, want silence", err)
	}
	if p.Open() != 2 {
		t.Errorf("%d are open", p.Open())
	}
}

func TestConnectionsAreRecycledAtTheirAge(t *testing.T) {
	p := NewProxy(t, echo(t))
	p.Recycle(20*time.Millisecond, Reset)
	l := call(t, p)
	if _, err := l.in.ReadByte(); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v", err)
	}
	p.Recycle(0, Reset)
	call(t, p).mustSay("no more")
}

func TestASlowLinkIsLateAndNarrow(t *testing.T) {
	p := NewProxy(t, echo(t))
	p.Slow(20*time.Millisecond, 1<<20)
	l := call(t, p)
	start := time.Now()
	l.mustSay("to and fro")
	if took := time.Since(start); took < 40*time.Millisecond {
		t.Errorf("it took %v", took)
	}
	start = time.Now()
	l.mustSay(string(make([]byte, 256<<10)))
	if took := time.Since(start); took < 250*time.Millisecond {
		t.Errorf("256 KiB took %v at 1 MiB a second", took)
	}
}

func TestTheAddressStaysWhenTheTargetChanges(t *testing.T) {
	p := NewProxy(t, "127.0.0.1:1")                         // nobody there
	if c, err := net.Dial("tcp", p.Address()); err == nil { // it may be reset that early
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("somebody answered")
		}
		_ = c.Close()
	}
	p.Retarget(echo(t))
	call(t, p).mustSay("somebody")
}

func TestWhatWasSentBeforeTheEndArrives(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	last := make([]byte, 256<<10)
	go func() {
		c, err := listener.Accept()
		if err != nil {
			return
		}
		_, _ = c.Write(last)
		_ = c.Close()
	}()
	p := NewProxy(t, listener.Addr().String())
	p.Slow(time.Millisecond, 4<<20)
	got, err := io.ReadAll(call(t, p))
	if err != nil || len(got) != len(last) {
		t.Errorf("got %d of %d bytes, %v", len(got), len(last), err)
	}
}
