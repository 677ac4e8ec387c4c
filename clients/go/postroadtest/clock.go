package postroadtest

import (
	"container/heap"
	"time"
)

// timeline is the server's time and what is due in it. Guarded by Server.mu.
type timeline struct {
	frozen time.Time // zero: the time of day
	due    timers
	poke   chan struct{} // has the runner look again
}

// timer is something to do at a time, under Server.mu.
type timer struct {
	at  time.Time
	run func()
}

type timers []timer

func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return t[i].at.Before(t[j].at) }
func (t timers) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }
func (t *timers) Push(x any)        { *t = append(*t, x.(timer)) }
func (t *timers) Pop() any {
	last := (*t)[len(*t)-1]
	*t = (*t)[:len(*t)-1]
	return last
}

// Now is the server's time.
func (s *Server) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now()
}

// SetTime stops the server's clock at t, or sets it if it stands already, and does what is due then:
// future-dated events, retries, ack deadlines, the acks of members in mode auto.
func (s *Server) SetTime(t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.time.frozen = t
	s.runDue()
	s.broadcast()
}

// Advance moves the clock on by d, from where it stands or from the time of day, and leaves it
// standing there.
func (s *Server) Advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.time.frozen = s.now().Add(d)
	s.runDue()
	s.broadcast()
}

func (s *Server) now() time.Time {
	if s.time.frozen.IsZero() {
		return time.Now()
	}
	return s.time.frozen
}

// at has run called, under the lock, when it is time. It has to look whether it still applies.
func (s *Server) at(when time.Time, run func()) {
	heap.Push(&s.time.due, timer{at: when, run: run})
	select {
	case s.time.poke <- struct{}{}:
	default: // it has been told already
	}
}

func (s *Server) runDue() {
	for len(s.time.due) > 0 && !s.time.due[0].at.After(s.now()) {
		heap.Pop(&s.time.due).(timer).run()
	}
}

// keepTime does what is due while the clock runs.
func (s *Server) keepTime() {
	defer s.running.Done()
	for {
		s.mu.Lock()
		s.runDue()
		var next <-chan time.Time
		if len(s.time.due) > 0 && s.time.frozen.IsZero() {
			next = time.After(time.Until(s.time.due[0].at))
		}
		s.mu.Unlock()
		select {
		case <-next:
		case <-s.time.poke:
		case <-s.closed:
			return
		}
	}
}
