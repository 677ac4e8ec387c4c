// UTF-8, big-endian numbers and base64url over Uint8Array: what a Buffer polyfill would be for.

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export type Bytes = Uint8Array;

export const noBytes = new Uint8Array(0);

export const utf8 = (text: string): Bytes => encoder.encode(text);

/** Malformed bytes become U+FFFD. */
export const textOf = (bytes: Bytes): string => decoder.decode(bytes);

export function concat(parts: readonly Bytes[]): Bytes {
  if (parts.length === 1) return parts[0]!;
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** `value` in `size` bytes, big-endian; of at most 2^53. */
export function number(value: number, size: number): Bytes {
  const bytes = new Uint8Array(size);
  for (let at = size - 1; at >= 0; at--) {
    bytes[at] = value % 256;
    value = Math.floor(value / 256);
  }
  return bytes;
}

/** Reads from the front of bytes; what is not there is a RangeError that names the place. */
export class ByteReader {
  private at = 0;

  constructor(private readonly bytes: Bytes) {}

  get left(): number {
    return this.bytes.length - this.at;
  }

  take(size: number): Bytes {
    if (size > this.left) throw new RangeError(`byte ${this.at}: ${size} are missing, ${this.left} are left`);
    this.at += size;
    return this.bytes.subarray(this.at - size, this.at);
  }

  number(size: number): number {
    return this.take(size).reduce((value, byte) => value * 256 + byte, 0);
  }

  rest(): Bytes {
    return this.take(this.left);
  }
}

/** Of either alphabet. */
export const fromBase64 = (text: string): Bytes =>
  Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (letter) => letter.charCodeAt(0));
