import { base } from '$app/paths';
import { Problem } from './problem';

/** The address of a path of this server, below its base path. */
export const url = (path: string): string => `${base}${path}`;

/** Called when an answer says that nobody is signed in any more. */
let onunauthorized = (): void => undefined;
export function whenUnauthorized(how: () => void): void {
  onunauthorized = how;
}
/** Of an answer that has come otherwise than through `call`. */
export function noteRefusal(problem: Problem): Problem {
  if (problem.needsSignIn) onunauthorized();
  return problem;
}

interface Envelope {
  success: boolean;
  data?: unknown;
  error?: unknown;
}

/**
 * One request to the REST API: resolves to `data` of the envelope (or the whole
 * answer where a route has none), rejects with a Problem.
 */
export async function call<T>(
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(url(path), {
      method,
      signal: signal ?? null,
      headers: body === undefined ? {} : { 'Content-Type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new Problem('unreachable', 'The server cannot be reached.');
  }
  if (answer.status === 204) return undefined as T;
  let value: unknown;
  try {
    value = await answer.json();
  } catch {
    throw new Problem('unknown', `The answer is not JSON (HTTP status ${answer.status}).`, {
      status: answer.status,
    });
  }
  const envelope = value as Envelope;
  if (!answer.ok || envelope.success === false)
    throw noteRefusal(Problem.fromEnvelope(envelope.error, answer.status));
  return (typeof envelope.success === 'boolean' ? envelope.data : value) as T;
}
