/** An event stream, cut anywhere: text in, whole events out. */
export interface ServerEvent {
  /** "message" where the stream names none. */
  name: string;
  data: string;
}

export class EventParser {
  #rest = '';
  #name = '';
  #data: string[] = [];
  readonly #oncomment: (text: string) => void;

  /** `oncomment` gets the text of lines that begin with a colon. */
  constructor(oncomment: (text: string) => void = () => undefined) {
    this.#oncomment = oncomment;
  }

  push(text: string): ServerEvent[] {
    const events: ServerEvent[] = [];
    this.#rest += text;
    for (;;) {
      const end = this.#rest.search(/[\r\n]/);
      if (end < 0) return events;
      const isReturn = this.#rest[end] === '\r';
      // The line feed of a pair may still be on its way.
      if (isReturn && end + 1 === this.#rest.length) return events;
      const line = this.#rest.slice(0, end);
      this.#rest = this.#rest.slice(end + (isReturn && this.#rest[end + 1] === '\n' ? 2 : 1));
      const event = this.#line(line);
      if (event) events.push(event);
    }
  }

  #line(line: string): ServerEvent | null {
    if (line === '') {
      const event = { name: this.#name || 'message', data: this.#data.join('\n') };
      const has = this.#data.length > 0;
      this.#name = '';
      this.#data = [];
      return has ? event : null;
    }
    if (line.startsWith(':')) {
      this.#oncomment(line.slice(1).trim());
      return null;
    }
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') this.#data.push(value);
    else if (field === 'event') this.#name = value;
    return null;
  }
}
