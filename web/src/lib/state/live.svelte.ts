/**
 * The one live connection: who may be asked, what everybody is told, and whether it is there.
 *
 * Requests made while it is away wait, and are sent or refused when it is back. One that was under
 * way when it broke is refused at once: whether it was done, the next picture tells. After a short
 * cut the server replays what was missed; after a long one every feed asks for a fresh picture. No
 * key is kept here: signing in leaves a cookie, which no script can read and this connection sends.
 */
import { io, type Socket } from 'socket.io-client';
import { noteRefusal, url } from '$lib/api/http';
import type { Broadcasts, Requests } from '$lib/api/events';
import { Problem } from '$lib/api/problem';

export type Connection = 'connecting' | 'online' | 'offline' | 'refused';

interface Envelope {
  success: boolean;
  data?: unknown;
  error?: unknown;
  timestamp?: number;
}

interface Waiting {
  send(): void;
  refuse(problem: Problem): void;
  /** Unix time after which it is refused. */
  until: number;
}

const ANSWER_MS = 30_000;
const WAIT_MS = 120_000;
const RETRY_FIRST_MS = 1_000;
const RETRY_MAX_MS = 15_000;
const WAITING_MAX = 100;
/** A request may break before the live wire notices that the server is away. */
const NOTICE_MS = 1_000;

type Listener = (data: never) => void;

export class Live {
  #socket: Socket | null = null;
  #connection = $state<Connection>('connecting');
  #heardAt = $state<number | null>(null);
  #retryAt = $state<number | null>(null);
  #refusal = $state<Problem | null>(null);
  #skewMs = $state(0);
  #waiting: Waiting[] = [];
  #nWaiting = $state(0);
  #returns = new Set<(isBack: boolean) => void>();
  #underWay = new Set<(problem: Problem) => void>();
  #feeds = new Set<() => void>();
  #listeners = new Map<string, Set<Listener>>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #connect: () => Socket;

  constructor(
    connect: () => Socket = () =>
      io({
        path: url('/llamaproxws'),
        transports: ['websocket'],
        reconnection: false, // by ourselves: the page tells when the next attempt is
        autoConnect: false,
      }),
  ) {
    this.#connect = connect;
  }

  get connection(): Connection {
    return this.#connection;
  }
  get isOnline(): boolean {
    return this.#connection === 'online';
  }
  /** What is asked for now waits. */
  get isAway(): boolean {
    return this.#connection === 'offline';
  }
  /** Of the picture that is shown, Unix time; null before the first. */
  get heardAt(): number | null {
    return this.#heardAt;
  }
  /** Of the next attempt while offline, Unix time of this machine. */
  get retryAt(): number | null {
    return this.#retryAt;
  }
  /** Why the server did not let us in. */
  get refusal(): Problem | null {
    return this.#refusal;
  }
  /** What to add to this machine's time to have the server's. */
  get skewMs(): number {
    return this.#skewMs;
  }

  /** Requests that wait for the server. */
  get nWaiting(): number {
    return this.#nWaiting;
  }

  start(): void {
    if (this.#socket) {
      this.retryNow();
      return;
    }
    const socket = this.#connect();
    this.#socket = socket;
    socket.on('connect', () => this.#onConnect(socket.recovered));
    socket.on('disconnect', () => this.#onLoss());
    socket.on('connect_error', (error) => this.#onRefusal(error));
    socket.onAny((event: string, message: unknown) => this.#onEvent(event, message));
    if (typeof window !== 'undefined') window.addEventListener('online', () => this.retryNow());
    this.#connection = 'connecting';
    socket.connect();
  }

  /** Tries to connect now, whatever the time of the next attempt. */
  retryNow(): void {
    if (!this.#socket || this.#socket.connected) return;
    clearTimeout(this.#timer);
    this.#retryAt = null;
    if (this.#connection === 'refused') this.#connection = 'connecting';
    this.#socket.connect();
  }

  /** Asks again after signing in or out, which changes who we are. */
  rejoin(): void {
    this.#socket?.disconnect();
    this.#refusal = null;
    this.#connection = 'connecting';
    clearTimeout(this.#timer);
    this.#socket?.connect();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#socket?.removeAllListeners();
    this.#socket?.disconnect();
    this.#socket = null;
  }

  request<E extends keyof Requests>(
    event: E,
    ...[data]: Requests[E][0] extends undefined ? [] : [Requests[E][0]]
  ): Promise<Requests[E][1]> {
    return this.hold(
      () =>
        new Promise((resolve, reject) =>
          this.#send(event, data ?? {}, resolve as (value: unknown) => void, reject),
        ),
    );
  }

  /** Calls `send` now if connected, else once it is, or refuses: after too long, or by dropWaiting. */
  hold<T>(send: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (this.isOnline) return send();
    if (this.#connection === 'refused' && this.#refusal) return Promise.reject(this.#refusal);
    if (this.#waiting.length >= WAITING_MAX)
      return Promise.reject(
        new Problem('offline', 'The server is away, and too much waits for it already.'),
      );
    return new Promise((resolve, reject) => {
      const one: Waiting = {
        send: () => void send().then(resolve, reject),
        refuse: reject,
        until: Date.now() + WAIT_MS,
      };
      this.#waiting.push(one);
      this.#nWaiting = this.#waiting.length;
      signal?.addEventListener(
        'abort',
        () => {
          if (!this.#waiting.includes(one)) return;
          this.#waiting = this.#waiting.filter((other) => other !== one);
          this.#nWaiting = this.#waiting.length;
          reject(new DOMException('Not wanted any more', 'AbortError'));
        },
        { once: true },
      );
    });
  }

  /** True once the server that was away is back; false: it was not away, or `signal` aborted. */
  whenBack(signal?: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (isBack: boolean) => {
        clearTimeout(timer);
        this.#returns.delete(end);
        resolve(isBack);
      };
      const timer = setTimeout(() => !this.isAway && end(false), NOTICE_MS);
      this.#returns.add(end);
      signal?.addEventListener('abort', () => end(false), { once: true });
    });
  }

  /** Nothing of what waits is done. */
  dropWaiting(
    problem = new Problem('dropped', 'It was given up while the server was away.'),
  ): void {
    for (const one of this.#takeWaiting()) one.refuse(problem);
  }

  #takeWaiting(): Waiting[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#nWaiting = 0;
    return waiting;
  }

  /** Calls `listener` for each broadcast; returns how to stop that. */
  on<E extends keyof Broadcasts>(event: E, listener: (data: Broadcasts[E]) => void): () => void {
    const all = this.#listeners.get(event) ?? new Set<Listener>();
    this.#listeners.set(event, all);
    all.add(listener as Listener);
    return () => all.delete(listener as Listener);
  }

  /** Calls `load` now if connected, and whenever a fresh picture is needed. */
  feed(load: () => void): () => void {
    this.#feeds.add(load);
    if (this.isOnline) load();
    return () => this.#feeds.delete(load);
  }

  /** Asks for all that is shown anew, as after a long cut; while away it tries to connect. */
  refresh(): void {
    if (this.isOnline) for (const load of this.#feeds) load();
    else this.retryNow();
  }

  #send(
    event: string,
    data: object,
    resolve: (value: unknown) => void,
    reject: (problem: Problem) => void,
  ): void {
    const refuse = (problem: Problem) => {
      clearTimeout(timer);
      this.#underWay.delete(refuse);
      reject(problem);
    };
    const timer = setTimeout(
      () =>
        refuse(new Problem('timeout', `The server did not answer within ${ANSWER_MS / 1000} s.`)),
      ANSWER_MS,
    );
    this.#underWay.add(refuse);
    this.#socket?.emit(event, data, (answer: Envelope) => {
      if (!this.#underWay.has(refuse)) return;
      this.#heard(answer.timestamp);
      if (!answer.success) {
        refuse(noteRefusal(Problem.fromEnvelope(answer.error)));
        return;
      }
      clearTimeout(timer);
      this.#underWay.delete(refuse);
      resolve(answer.data);
    });
  }

  #heard(timestamp: number | undefined): void {
    this.#heardAt = Date.now();
    if (typeof timestamp === 'number') this.#skewMs = timestamp - Date.now();
  }

  #onEvent(event: string, message: unknown): void {
    const envelope = message as { type?: string; data?: unknown; timestamp?: number };
    if (envelope?.type !== 'broadcast') return;
    this.#heard(envelope.timestamp);
    for (const listener of this.#listeners.get(event) ?? []) listener(envelope.data as never);
  }

  #onConnect(isRecovered: boolean): void {
    this.#connection = 'online';
    this.#refusal = null;
    this.#retryAt = null;
    this.#failures = 0;
    this.#heardAt = Date.now();
    for (const end of this.#returns) end(true);
    if (!isRecovered) for (const load of this.#feeds) load();
    for (const one of this.#takeWaiting())
      if (one.until >= Date.now()) one.send();
      else one.refuse(new Problem('offline', 'The server was away for too long: not done.'));
  }

  #onLoss(): void {
    for (const refuse of this.#underWay)
      refuse(new Problem('connection_lost', 'The connection broke before the answer came.'));
    if (this.#connection !== 'refused') this.#retryLater();
  }

  #onRefusal(error: Error & { data?: { code?: string } }): void {
    if (!error.data?.code) {
      this.#retryLater();
      return;
    }
    this.#connection = 'refused';
    this.#refusal = new Problem(error.data.code, error.message);
    this.dropWaiting(this.#refusal);
    this.#socket?.disconnect();
  }

  #retryLater(): void {
    this.#connection = 'offline';
    clearTimeout(this.#timer);
    const wait = Math.min(RETRY_FIRST_MS * 2 ** this.#failures, RETRY_MAX_MS);
    this.#failures += 1;
    this.#retryAt = Date.now() + wait;
    this.#timer = setTimeout(() => this.retryNow(), wait);
  }
}

export const live = new Live();
