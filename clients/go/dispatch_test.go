package postroad

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func keyed(key string, offset uint64) *Delivery {
	return &Delivery{Event: Event{Key: key}, Offset: offset}
}

func TestEventsOfAKeyWaitForEachOther(t *testing.T) {
	q := newDispatcher(true)
	a1, a2, b1, none := keyed("a", 1), keyed("a", 2), keyed("b", 3), keyed("", 4)
	for _, d := range []*Delivery{a1, a2, b1, none} {
		q.add(d)
	}
	for i, want := range []*Delivery{a1, b1, none, nil} {
		if got := q.next(); got != want {
			t.Fatalf("delivery %d: %v, want %v", i, got, want)
		}
	}
	if q.done(b1) || q.done(none) {
		t.Error("something waited for b or for no key")
	}
	if q.next() != nil {
		t.Error("a2 did not wait for a1")
	}
	if !q.done(a1) || q.next() != a2 {
		t.Error("a2 did not follow a1")
	}
	if q.done(a2) || len(q.busy) != 0 {
		t.Errorf("still busy: %v", q.busy)
	}
}

func TestWithoutOrderKeysDoNotWait(t *testing.T) {
	q := newDispatcher(false)
	q.add(keyed("a", 1))
	q.add(keyed("a", 2))
	for range 2 {
		if q.next() == nil {
			t.Error("a2 waited")
		}
	}
}

// After a lost connection what was not handed out is gone, but a handler that runs keeps its key.
func TestDropKeepsKeysThatAreHandled(t *testing.T) {
	q := newDispatcher(true)
	a1, b1 := keyed("a", 1), keyed("b", 2)
	for _, d := range []*Delivery{a1, b1, keyed("a", 3), keyed("b", 4), keyed("c", 5)} {
		q.add(d)
	}
	q.next()
	q.next()
	q.done(b1) // b4 may be handled, but is not handed out yet
	q.drop()
	if d := q.next(); d != nil {
		t.Fatalf("%v survived", d)
	}
	again := keyed("a", 3)
	q.add(again)
	q.add(keyed("b", 4))
	if d := q.next(); d == nil || d.Key != "b" {
		t.Errorf("b4 came not again, but %v", d)
	}
	if d := q.next(); d != nil {
		t.Errorf("%v did not wait for a1, which still runs", d)
	}
	if q.done(a1); q.next() != again {
		t.Error("a3 did not follow a1")
	}
}

// Any interleaving of handlers keeps each key's order, hands out everything once, and leaves nothing.
func TestAnyInterleavingKeepsOrder(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		q := newDispatcher(true)
		var running []*Delivery
		seen := map[string][]uint64{}
		added, handled := uint64(0), 0
		for handled < 300 {
			switch random.IntN(3) {
			case 0:
				if added < 300 {
					q.add(keyed([]string{"", "a", "b", "c"}[random.IntN(4)], added))
					added++
				}
			case 1:
				if d := q.next(); d != nil {
					for _, other := range running {
						if d.Key != "" && other.Key == d.Key {
							t.Fatalf("seed %d: two of key %s at once", seed, d.Key)
						}
					}
					running = append(running, d)
					seen[d.Key] = append(seen[d.Key], d.Offset)
				}
			case 2:
				if len(running) > 0 {
					i := random.IntN(len(running))
					q.done(running[i])
					running = slices.Delete(running, i, i+1)
					handled++
				}
			}
		}
		for key, offsets := range seen {
			if !slices.IsSorted(offsets) {
				t.Errorf("seed %d: key %q came as %v", seed, key, offsets)
			}
		}
		if len(q.busy) != 0 {
			t.Errorf("seed %d: still busy %v", seed, q.busy)
		}
	}
}
