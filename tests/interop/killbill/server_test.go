package interop

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// server is a real `postroad serve` on a port that stays the same over restarts.
type server struct {
	t       *testing.T
	data    string
	address string
	process *exec.Cmd
}

func startServer(t *testing.T) *server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, data: filepath.Join(t.TempDir(), "data"), address: listener.Addr().String()}
	listener.Close()
	s.start()
	t.Cleanup(s.kill)
	return s
}

func (s *server) start() {
	s.t.Helper()
	os.Remove(filepath.Join(s.data, "ports"))
	s.process = exec.Command(os.Getenv("POSTROAD_PROGRAM"), "serve", "--data", s.data,
		"--listen.grpc", s.address, "--listen.http", "", "--listen.rsocket", "", "--server.drain_timeout", "3s")
	s.process.Stderr = os.Stderr
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	within(s.t, 30*time.Second, "the server is up", func() bool {
		connection, err := net.Dial("tcp", s.address)
		if err == nil {
			connection.Close()
		}
		return err == nil
	})
}

func (s *server) stop() {
	s.process.Process.Signal(syscall.SIGTERM)
	if err := s.process.Wait(); err != nil {
		s.t.Errorf("the server did not stop cleanly: %v", err)
	}
}

func (s *server) kill() {
	if s.process.ProcessState == nil {
		s.process.Process.Kill()
		s.process.Wait()
	}
}

// command runs `postroad <args>` against the server.
func (s *server) command(args ...string) {
	s.t.Helper()
	command := exec.Command(os.Getenv("POSTROAD_PROGRAM"), append(args, "--server", s.address)...)
	if output, err := command.CombinedOutput(); err != nil {
		s.t.Fatalf("postroad %v: %v\n%s", args, err, output)
	}
}

// within fails the test unless `holds` comes true in time.
func within(t *testing.T, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatal(fmt.Sprintf("not within %v: %s", limit, what))
}
