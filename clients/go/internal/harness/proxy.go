package harness

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Proxy is a TCP proxy that does to connections what networks and load balancers do. Its address
// stays when the server's changes.
type Proxy struct {
	listener net.Listener
	accepted atomic.Int64
	running  sync.WaitGroup
	stopped  chan struct{}

	mu     sync.Mutex
	target string
	links  map[*pipe]struct{}
	speed  speed
	age    time.Duration // at which connections are ended; 0: never
	end    End
}

// End is how connections are ended.
type End int

const (
	// Reset is by RST.
	Reset End = iota
	// Finish is in an orderly way, by FIN.
	Finish
)

// speed is how fast bytes go through; zero: as they come.
type speed struct {
	delay          time.Duration
	bytesPerSecond int
}

// pipe is one connection through the proxy.
type pipe struct {
	client, server *net.TCPConn
	hole           chan struct{} // closed once nothing goes through any more
	swallow        sync.Once
	done           chan struct{} // closed when it is over
	finish         sync.Once
}

// NewProxy starts a proxy to target; it ends with the test.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: listener, stopped: make(chan struct{}), target: target, links: map[*pipe]struct{}{}}
	p.running.Add(1)
	go p.accept()
	t.Cleanup(func() {
		close(p.stopped)
		_ = listener.Close()
		p.Break(Reset)
		p.running.Wait()
	})
	return p
}

// Address is where it listens.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// Retarget has new connections go to target; those there are stay.
func (p *Proxy) Retarget(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

// Break ends every connection there is.
func (p *Proxy) Break(how End) {
	for _, link := range p.open() {
		link.end(how)
	}
}

// BlackHole has nothing go through the connections there are, which stay open. New ones work.
func (p *Proxy) BlackHole() {
	for _, link := range p.open() {
		link.swallow.Do(func() { close(link.hole) })
	}
}

// Slow has new connections carry so many bytes a second each way, each of them delayed.
func (p *Proxy) Slow(delay time.Duration, bytesPerSecond int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.speed = speed{delay: delay, bytesPerSecond: bytesPerSecond}
}

// Recycle ends each connection made from now on at this age, as some load balancers do; 0: no more.
func (p *Proxy) Recycle(age time.Duration, how End) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.age, p.end = age, how
}

// Accepted counts the connections made so far.
func (p *Proxy) Accepted() int { return int(p.accepted.Load()) }

// Open counts those there are.
func (p *Proxy) Open() int { return len(p.open()) }

func (p *Proxy) open() []*pipe {
	p.mu.Lock()
	defer p.mu.Unlock()
	links := make([]*pipe, 0, len(p.links))
	for link := range p.links {
		links = append(links, link)
	}
	return links
}

func (p *Proxy) accept() {
	defer p.running.Done()
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		p.accepted.Add(1)
		p.running.Add(1)
		go func() {
			defer p.running.Done()
			p.carry(client.(*net.TCPConn))
		}()
	}
}

// carry is the life of a connection.
func (p *Proxy) carry(client *net.TCPConn) {
	p.mu.Lock()
	target := p.target
	p.mu.Unlock()
	server, err := net.Dial("tcp", target)
	if err != nil {
		shut(client, Reset)
		return
	}
	link := &pipe{client: client, server: server.(*net.TCPConn), hole: make(chan struct{}), done: make(chan struct{})}
	p.mu.Lock()
	p.links[link] = struct{}{}
	speed, age, end := p.speed, p.age, p.end
	p.mu.Unlock()
	if age > 0 {
		defer time.AfterFunc(age, func() { link.end(end) }).Stop()
	}
	var halves sync.WaitGroup
	halves.Add(2)
	go func() { defer halves.Done(); link.forward(link.client, link.server, speed) }()
	go func() { defer halves.Done(); link.forward(link.server, link.client, speed) }()
	select {
	case <-link.done:
	case <-p.stopped:
		link.end(Reset)
	}
	p.mu.Lock()
	delete(p.links, link)
	p.mu.Unlock()
	halves.Wait()
}

// end closes both sides, once.
func (l *pipe) end(how End) {
	l.finish.Do(func() {
		shut(l.client, how)
		shut(l.server, how)
		close(l.done)
	})
}

func shut(c *net.TCPConn, how End) {
	if how == Reset {
		_ = c.SetLinger(0)
	}
	_ = c.Close()
}

// forward moves bytes one way until the connection ends; what was read before is still sent then.
func (l *pipe) forward(from, to *net.TCPConn, limit speed) {
	late := make(chan chunk, 16) // a slow link holds little, so that its sender feels it
	var writing sync.WaitGroup
	writing.Add(1)
	go func() { defer writing.Done(); l.write(to, late, limit) }()
	l.read(from, late, limit)
	close(late)
	writing.Wait()
	l.end(Finish)
}

// read takes in bytes until the connection ends.
func (l *pipe) read(from *net.TCPConn, late chan<- chunk, limit speed) {
	for {
		buffer := make([]byte, 16<<10)
		n, err := from.Read(buffer)
		select {
		case <-l.hole:
			<-l.done // open, and silent
			return
		default:
		}
		if err != nil {
			return
		}
		select {
		case late <- chunk{bytes: buffer[:n], due: time.Now().Add(limit.delay)}:
		case <-l.done:
			return
		}
	}
}

// chunk is bytes under way.
type chunk struct {
	bytes []byte
	due   time.Time
}

// write sends what is due, as fast as the link is.
func (l *pipe) write(to *net.TCPConn, late <-chan chunk, limit speed) {
	free := time.Now() // when the link has carried what was sent
	for c := range late {
		if limit.bytesPerSecond > 0 {
			if free.Before(c.due) {
				free = c.due
			}
			free = free.Add(time.Duration(len(c.bytes)) * time.Second / time.Duration(limit.bytesPerSecond))
			c.due = free
		}
		if wait := time.Until(c.due); wait > 0 {
			select {
			case <-time.After(wait):
			case <-l.done:
			}
		}
		select {
		case <-l.hole:
			continue // swallowed
		default:
		}
		if _, err := to.Write(c.bytes); err != nil {
			l.end(Finish)
		}
	}
}
