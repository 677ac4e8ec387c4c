package postroad

import "testing"

// Every state with everything that can happen in it; what is not in a row changes nothing.
func TestEveryTransitionOfEveryState(t *testing.T) {
	table := map[State]map[transition]State{
		Closed:       {attempt: Connecting},
		Connecting:   {establish: Connected, lose: Disconnected, drain: Draining, end: Closed},
		Connected:    {lose: Disconnected, drain: Draining, end: Closed},
		Disconnected: {attempt: Connecting, drain: Draining, end: Closed},
		Draining:     {end: Closed},
	}
	for from, row := range table {
		for _, happens := range []transition{attempt, establish, lose, drain, end} {
			want, changes := row[happens]
			if !changes {
				want = from
			}
			to, changed := from.next(happens)
			if to != want || changed != changes {
				t.Errorf("%v, %v: %v (changed: %v), want %v", from, happens, to, changed, want)
			}
		}
	}
}

func TestStateNames(t *testing.T) {
	for state, want := range map[State]string{
		Closed: "Closed", Connecting: "Connecting", Connected: "Connected", Disconnected: "Disconnected",
		Draining: "Draining", 7: "State(7)",
	} {
		if state.String() != want {
			t.Errorf("%d is %q, want %q", int(state), state, want)
		}
	}
}

// Changes are told in order and one at a time, also when one is made while another is told.
func TestChangesAreToldInOrder(t *testing.T) {
	var told []State
	var p *part
	c := &Client{opts: defaultOptions()}
	WithLogger(nil)(&c.opts)
	c.reports = reports{logger: c.opts.logger, callback: func(change StateChange) {
		if change.To == Connecting {
			p.did(establish, nil) // told after this call
		}
		told = append(told, change.To)
	}}
	made := newPart(c, "test", "")
	p = &made
	p.did(attempt, nil)
	p.did(attempt, nil) // no change
	p.did(lose, ErrUnavailable)
	p.did(end, nil)
	want := []State{Connecting, Connected, Disconnected, Closed}
	if len(told) != len(want) {
		t.Fatalf("told %v, want %v", told, want)
	}
	for i := range want {
		if told[i] != want[i] {
			t.Fatalf("told %v, want %v", told, want)
		}
	}
}
