// Server-sent events out of text that comes in pieces (WHATWG HTML, "Server-sent events").

export interface ServerSentEvent {
  readonly name: string;
  readonly data: string;
  /** The newest id until here. */
  readonly id: string | undefined;
}

export class EventText {
  private buffer = '';
  private name = '';
  private data: string[] = [];
  private id: string | undefined;

  /** The events that this piece completes. One without data tells of a new id, or nothing. */
  *push(piece: string): Iterable<ServerSentEvent> {
    this.buffer += piece;
    for (let end = this.lineEnd(); end; end = this.lineEnd()) {
      const line = this.buffer.slice(0, end[0]);
      this.buffer = this.buffer.slice(end[1]);
      if (line !== '') {
        this.field(line);
        continue;
      }
      yield { name: this.name, data: this.data.join('\n'), id: this.id };
      this.name = '';
      this.data = [];
    }
  }

  // Where the first line ends, and where the next one begins.
  private lineEnd(): [number, number] | undefined {
    const found = /\r\n|\n|\r(?=[^])/.exec(this.buffer);
    return found ? [found.index, found.index + found[0].length] : undefined;
  }

  private field(line: string): void {
    const [, field, value = ''] = /^([^:]*):? ?([^]*)$/.exec(line)!;
    if (field === 'event') this.name = value;
    else if (field === 'data') this.data.push(value);
    else if (field === 'id') this.id = value;
  }
}
