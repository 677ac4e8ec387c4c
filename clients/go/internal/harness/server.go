// Package harness runs the real server behind a proxy that breaks connections, for the tests of the
// client and of the fake. The variable POSTROAD_SERVER names the program; tests that need it are
// skipped without.
package harness

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Patience is how long a condition may take to come true: enough for -race on a busy machine. Only
// a failing test waits that long.
const Patience = 60 * time.Second

// Eventually asks again and again until holds; the test fails if that takes longer than Patience.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(Patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", Patience, what)
		}
	}
}

// Server is a `postroad serve` with a folder of its own. After a restart it has the same data, and
// other addresses; a Proxy in front keeps its own.
type Server struct {
	t     testing.TB
	flags []string
	data  string

	process *exec.Cmd
	log     log
	ended   chan struct{} // closed when the process has ended
	exit    error
	grpc    string
	http    string
}

// StartServer starts one, with further flags; it is killed when the test ends.
func StartServer(t testing.TB, flags ...string) *Server {
	t.Helper()
	if os.Getenv("POSTROAD_SERVER") == "" {
		t.Skip("POSTROAD_SERVER does not name the server's program; ./dev test sets it")
	}
	s := &Server{t: t, flags: flags, data: filepath.Join(t.TempDir(), "data")}
	t.Cleanup(func() {
		s.Kill()
		if t.Failed() {
			t.Logf("the server said:\n%s", s.log.String())
		}
	})
	s.Start()
	return s
}

// GRPC is its address, "127.0.0.1:40001".
func (s *Server) GRPC() string { return s.grpc }

// HTTP is the address of /metrics and the like.
func (s *Server) HTTP() string { return s.http }

// Start starts a process over the data there is, and waits until it serves.
func (s *Server) Start() {
	s.t.Helper()
	ports := filepath.Join(s.data, "ports")
	_ = os.Remove(ports) // not there the first time
	args := append([]string{"serve", "--data", s.data, "--listen.grpc", "127.0.0.1:0", "--listen.http", "127.0.0.1:0", "--listen.rsocket", ""}, s.flags...)
	s.process = exec.Command(os.Getenv("POSTROAD_SERVER"), args...)
	s.process.Stdout, s.process.Stderr = &s.log, &s.log
	// It goes where the test goes, however that ends.
	s.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan struct{})
	s.ended = ended
	go func() {
		s.exit = s.process.Wait()
		close(ended)
	}()
	Eventually(s.t, "the server is up", func() bool {
		select {
		case <-ended:
			s.t.Fatalf("the server ended: %v", s.exit)
		default:
		}
		return s.readPorts(ports)
	})
}

// readPorts says whether the server has said where it listens.
func (s *Server) readPorts(file string) bool {
	text, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		switch protocol, address, _ := strings.Cut(strings.TrimSpace(line), " "); protocol {
		case "grpc":
			s.grpc = address
		case "http":
			s.http = address
		}
	}
	return len(text) > 0
}

// Kill ends it by SIGKILL, if it runs.
func (s *Server) Kill() {
	if s.process == nil || s.process.Process == nil {
		return
	}
	_ = s.process.Process.Kill() // fails only if it has ended
	<-s.ended
}

// Terminate asks it to end (SIGTERM): it drains.
func (s *Server) Terminate() {
	s.t.Helper()
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
}

// Stop terminates it and waits for its orderly end.
func (s *Server) Stop() {
	s.t.Helper()
	s.Terminate()
	select {
	case <-s.ended:
	case <-time.After(Patience):
		s.t.Fatal("the server does not end")
	}
	if s.exit != nil {
		s.t.Errorf("the server ended badly: %v", s.exit)
	}
}

// Command runs `postroad <args>` against it and gives what it printed.
func (s *Server) Command(args ...string) string {
	s.t.Helper()
	output, err := exec.Command(os.Getenv("POSTROAD_SERVER"), append(args, "--server", s.grpc)...).CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) || err != nil {
		s.t.Fatalf("postroad %s: %v\n%s", strings.Join(args, " "), err, output)
	}
	return string(output)
}

// log is what processes print, from their goroutines.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
