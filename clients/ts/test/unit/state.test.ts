// The state table, and how long to wait between attempts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Waits } from '../../src/backoff.js';
import { next, type State, type Transition } from '../../src/state.js';

const states: State[] = ['Closed', 'Connecting', 'Connected', 'Disconnected'];
const table: Record<Transition, State[]> = {
  attempt: ['Closed', 'Connecting', 'Connected', 'Connecting'],
  establish: ['Closed', 'Connected', 'Connected', 'Disconnected'],
  lose: ['Closed', 'Disconnected', 'Disconnected', 'Disconnected'],
  end: ['Closed', 'Closed', 'Closed', 'Closed'],
};
for (const [transition, to] of Object.entries(table)) {
  test(`${transition} leads each state where it should`, () => {
    assert.deepEqual(states.map((state) => next(state, transition as Transition)), to);
  });
}

test('waits double up to the most, spread by the jitter, and begin anew', () => {
  const waits = (random: number, count: number) => {
    const all = new Waits({ base: 100, max: 1000, jitter: 0.2 }, () => random);
    return Array.from({ length: count }, () => Math.round(all.next()));
  };
  assert.deepEqual(waits(0.5, 6), [100, 200, 400, 800, 1000, 1000]);
  assert.deepEqual(waits(0, 2), [80, 160]);
  assert.deepEqual(waits(1, 2), [120, 240]);
  const again = new Waits({ base: 100, max: 1000, jitter: 0 }, () => 0);
  again.next();
  again.next();
  again.reset();
  assert.equal(again.next(), 100);
});
