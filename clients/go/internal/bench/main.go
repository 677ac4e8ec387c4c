// Bench measures the Go client: what it posts next to the C++ client, in the same run against the
// same server; what it reads and consumes; what it costs. `./dev bench go` runs it.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/postroad/postroad/clients/go"
	"github.com/postroad/postroad/clients/go/internal/cost"
)

var (
	program = flag.String("postroad", "build/release/bin/postroad", "the server's program")
	cpp     = flag.String("cpp", "build/release/bin/client_posts", "the C++ client's program")
	events  = flag.Int("events", 400_000, "events of each round")
	payload = flag.Int("payload", 100, "bytes of each event")
	rounds  = flag.Int("rounds", 5, "rounds of each client, in turns")
)

func main() {
	flag.Parse()
	log.SetFlags(0)
	folder, err := os.MkdirTemp("", "postroad-go-bench")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	server, address := start(filepath.Join(folder, "data"))
	defer server.Wait()
	defer server.Process.Signal(syscall.SIGTERM)

	fmt.Printf("Go client, %s, %d cores, events of %d bytes\n\n", runtime.Version(), runtime.NumCPU(), *payload)
	fmt.Println("| what | measured | compared with, in the same run | ratio | aim |")
	fmt.Println("|---|---|---|---|---|")
	posts(address)
	consumes(address)
	reads(address)
	idles(address)
}

// start runs a server and gives its address once it listens.
func start(data string) (*exec.Cmd, string) {
	server := exec.Command(*program, "serve", "--data", data, "--listen.grpc", "127.0.0.1:0", "--listen.http", "", "--listen.rsocket", "")
	server.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := server.Start(); err != nil {
		log.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		ports, _ := os.ReadFile(filepath.Join(data, "ports"))
		for line := range strings.Lines(string(ports)) {
			if address, found := strings.CutPrefix(strings.TrimSpace(line), "grpc "); found {
				return server, address
			}
		}
	}
	log.Fatal("the server is not up within a minute")
	return nil, ""
}

func row(what, measured, compared, ratio, aim string) {
	fmt.Printf("| %s | %s | %s | %s | %s |\n", what, measured, compared, ratio, aim)
}

func rate(n int, took time.Duration) float64 { return float64(n) / took.Seconds() }

func thousands(perSecond float64) string {
	if n := int(perSecond/1000 + 0.5); n >= 1000 {
		return fmt.Sprintf("%d,%03d,000/s", n/1000, n%1000)
	}
	return fmt.Sprintf("%.0f,000/s", perSecond/1000)
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

func dial(address string) *postroad.Client {
	c, err := postroad.Dial(address)
	if err != nil {
		log.Fatal(err)
	}
	return c
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// posts has both clients post in turns: what disturbs one disturbs the other.
func posts(address string) {
	var ours, theirs, ourCPU, theirCPU []float64
	for round := range *rounds {
		command := exec.Command(*cpp, address, fmt.Sprint("cpp", round), strconv.Itoa(*events), strconv.Itoa(*payload))
		out, err := command.Output()
		must(err)
		perSecond, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
		must(err)
		theirs = append(theirs, perSecond)
		theirCPU = append(theirCPU, micros(command.ProcessState.UserTime()+command.ProcessState.SystemTime()))
		before := spent()
		ours = append(ours, post(address, fmt.Sprint("go", round)))
		ourCPU = append(ourCPU, micros(spent()-before))
	}
	row("posts, one by one, batched by the publisher", thousands(median(ours)),
		"C++ client "+thousands(median(theirs)), fmt.Sprintf("%.2f", median(ours)/median(theirs)), "0.80 of C++")
	row("the client's CPU, an event posted", fmt.Sprintf("%.2f µs", median(ourCPU)),
		fmt.Sprintf("C++ client %.2f µs", median(theirCPU)), fmt.Sprintf("%.2f", median(ourCPU)/median(theirCPU)), "")
}

// spent is the CPU time of this process so far.
func spent() time.Duration {
	var usage syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// micros is a time by event.
func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 / float64(*events) }

func post(address, topic string) float64 {
	ctx := context.Background()
	c := dial(address)
	defer c.Close(ctx)
	p, err := c.Publisher()
	must(err)
	body := make([]byte, *payload)
	_, err = p.Post(ctx, postroad.Event{Topic: topic, Payload: body}) // the connection is not measured
	must(err)
	var failed atomic.Int64
	begin := time.Now()
	for range *events {
		p.PublishFunc(ctx, postroad.Event{Topic: topic, Payload: body}, func(_ postroad.Result, err error) {
			if err != nil {
				failed.Add(1)
			}
		})
	}
	must(p.Flush(ctx))
	took := time.Since(begin)
	if n := failed.Load(); n > 0 {
		log.Fatalf("%d posts failed", n)
	}
	return rate(*events, took)
}

// consumes takes the events of go0 from a subscription, acking each.
func consumes(address string) {
	c := dial(address)
	defer c.Close(context.Background())
	begin := time.Now()
	allocations, err := cost.Consume(context.Background(), c, "bench", "go0", *events)
	must(err)
	took := time.Since(begin)
	row("one subscriber, each event acked", thousands(rate(*events, took)), "", "", "100,000/s")
	row("allocations an event consumed", fmt.Sprintf("%.2f", allocations), "", "", "at most 5")
}

func reads(address string) {
	c := dial(address)
	defer c.Close(context.Background())
	s, err := c.Stream([]string{"go0"}, postroad.FromBeginning(), postroad.StopAtEnd())
	must(err)
	n := 0
	begin := time.Now()
	for _, err := range s.Events(context.Background()) {
		must(err)
		n++
	}
	row("one stream reading history", thousands(rate(n, time.Since(begin))), "", "", "")
}

func idles(address string) {
	const clients = 50
	bare, err := cost.IdleChannels(address, clients)
	must(err)
	ours, err := cost.IdleClients(address, clients)
	must(err)
	row("an idle client: publisher, stream and subscriber over one connection", fmt.Sprintf("%d KiB", ours>>10),
		fmt.Sprintf("grpc-go's channel %d KiB", bare>>10), fmt.Sprintf("%+d KiB", (ours-bare)>>10), "under 1,024 KiB more")
}
