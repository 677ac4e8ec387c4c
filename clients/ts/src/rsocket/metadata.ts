// Composite metadata, the route, and the token in it.
import { ByteReader, concat, number, textOf, utf8, type Bytes } from '../bytes.js';

export const compositeMime = 'message/x.rsocket.composite-metadata.v0';
export const jsonMime = 'application/json';
const routing = 0x7e;
const authentication = 0x7c;
const bearer = 0x81;

// Of the MIME types that have a number, those that are met here.
const wellKnown: Readonly<Record<number, string>> = {
  0x05: 'application/json',
  0x7c: 'message/x.rsocket.authentication.v0',
  0x7e: 'message/x.rsocket.routing.v0',
};

const entry = (type: number, body: Bytes): Bytes => concat([number(0x80 | type, 1), number(body.length, 3), body]);

export function routeEntry(route: string): Bytes {
  const tag = utf8(route);
  return entry(routing, concat([number(tag.length, 1), tag]));
}

export const bearerEntry = (token: string): Bytes => entry(authentication, concat([number(bearer, 1), utf8(token)]));

/** The entries by MIME type; the number of one that is not known here. Throws a RangeError. */
export function decodeComposite(metadata: Bytes): Map<string, Bytes> {
  const reader = new ByteReader(metadata);
  const entries = new Map<string, Bytes>();
  while (reader.left > 0) {
    const head = reader.number(1);
    const known = head & 0x7f;
    const name = head & 0x80 ? (wellKnown[known] ?? String(known)) : textOf(reader.take(head + 1));
    entries.set(name, reader.take(reader.number(3)));
  }
  return entries;
}

/** The first tag of routing metadata, or "". */
export function decodeRoute(entries: Map<string, Bytes>): string {
  const tags = entries.get(wellKnown[routing]!);
  if (!tags?.length) return '';
  const reader = new ByteReader(tags);
  return textOf(reader.take(reader.number(1)));
}
