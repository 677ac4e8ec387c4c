package postroad

// Which delivery is handled next.

// dispatcher decides which delivery a worker handles next: in the order they came, but for those of a
// key that another worker is at, which wait for it. Pure state; the subscriber guards it.
type dispatcher struct {
	ordered bool // keys matter: more than one worker
	held    int  // not handed out yet

	ready   fifo
	resumed fifo             // their key is theirs already
	busy    map[string]*fifo // keys being handled, and what waits for each; nil: nothing yet
	spare   []*fifo
}

func newDispatcher(ordered bool) *dispatcher {
	return &dispatcher{ordered: ordered, busy: map[string]*fifo{}}
}

func (q *dispatcher) add(d *Delivery) {
	q.ready.push(d)
	q.held++
}

// next gives what may be handled now; nil if nothing may. done must follow.
func (q *dispatcher) next() *Delivery {
	d := q.pick()
	if d != nil {
		q.held--
	}
	return d
}

func (q *dispatcher) pick() *Delivery {
	if d := q.resumed.pop(); d != nil {
		return d
	}
	for {
		d := q.ready.pop()
		if d == nil || !q.ordered || d.Key == "" {
			return d
		}
		waiting, busy := q.busy[d.Key]
		if !busy {
			q.busy[d.Key] = nil
			return d
		}
		if waiting == nil {
			waiting = q.fresh()
			q.busy[d.Key] = waiting
		}
		waiting.push(d)
	}
}

// done says that a delivery was handled: the next of its key may be. True if there is one.
func (q *dispatcher) done(d *Delivery) bool {
	if !q.ordered || d.Key == "" {
		return false
	}
	waiting := q.busy[d.Key]
	if waiting != nil {
		if next := waiting.pop(); next != nil {
			q.resumed.push(next)
			return true
		}
		q.spare = append(q.spare, waiting)
	}
	delete(q.busy, d.Key)
	return false
}

// drop forgets all that was not handed out, and says how many. Keys that are being handled stay so.
func (q *dispatcher) drop() int {
	dropped := q.held
	q.held = 0
	q.ready = fifo{}
	for d := q.resumed.pop(); d != nil; d = q.resumed.pop() {
		delete(q.busy, d.Key)
	}
	for key := range q.busy {
		q.busy[key] = nil
	}
	return dropped
}

func (q *dispatcher) fresh() *fifo {
	if n := len(q.spare); n > 0 {
		f := q.spare[n-1]
		q.spare = q.spare[:n-1]
		return f
	}
	return &fifo{}
}

// fifo is a queue whose memory is used again once it is empty.
type fifo struct {
	items []*Delivery
	first int
}

func (f *fifo) push(d *Delivery) {
	if f.first == len(f.items) {
		f.items, f.first = f.items[:0], 0
	} else if f.first > 1024 && f.first > len(f.items)/2 {
		n := copy(f.items, f.items[f.first:])
		clear(f.items[n:])
		f.items, f.first = f.items[:n], 0
	}
	f.items = append(f.items, d)
}

func (f *fifo) pop() *Delivery {
	if f.first == len(f.items) {
		return nil
	}
	d := f.items[f.first]
	f.items[f.first] = nil
	f.first++
	return d
}
