import { expect, test } from 'vitest';
import { EventParser } from './sse';

const stream =
  ': queued position 2\r\n\r\ndata: {"a":1}\n\nevent: error\ndata: one\ndata: two\r\n\r\ndata:[DONE]\n\n';
const events = [
  { name: 'message', data: '{"a":1}' },
  { name: 'error', data: 'one\ntwo' },
  { name: 'message', data: '[DONE]' },
];

test('an event stream may be cut at every place', () => {
  for (let a = 0; a <= stream.length; a += 1)
    for (let b = a; b <= stream.length; b += 1) {
      const comments: string[] = [];
      const parser = new EventParser((comment) => comments.push(comment));
      const got = [stream.slice(0, a), stream.slice(a, b), stream.slice(b)].flatMap((piece) =>
        parser.push(piece),
      );
      expect(got).toEqual(events);
      expect(comments).toEqual(['queued position 2']);
    }
});

test('an event that has not ended is not told', () => {
  expect(new EventParser().push('data: half\n')).toEqual([]);
});
