/** Why something was refused or could not be: the server's error envelope, or our own. */
export interface FieldDetail {
  field: string;
  message: string;
}

export class Problem extends Error {
  readonly code: string;
  readonly status: number;
  readonly advice: string | null;
  readonly details: readonly FieldDetail[];

  constructor(
    code: string,
    message: string,
    more: { status?: number; advice?: string | null; details?: readonly FieldDetail[] } = {},
  ) {
    super(message);
    this.name = 'Problem';
    this.code = code;
    this.status = more.status ?? 0;
    this.advice = more.advice ?? null;
    this.details = more.details ?? [];
  }

  /** The member `error` of an envelope; anything else becomes a problem, too. */
  static fromEnvelope(error: unknown, status = 0): Problem {
    if (typeof error !== 'object' || error === null)
      return new Problem('unknown', status ? `HTTP status ${status}` : 'no reason was given', {
        status,
      });
    const { code, message, advice, details } = error as Record<string, unknown>;
    return new Problem(
      typeof code === 'string' ? code : 'unknown',
      typeof message === 'string' ? message : `HTTP status ${status}`,
      {
        status,
        advice: typeof advice === 'string' ? advice : null,
        details: Array.isArray(details) ? (details as FieldDetail[]) : [],
      },
    );
  }

  static of(error: unknown): Problem {
    if (error instanceof Problem) return error;
    return new Problem('unknown', error instanceof Error ? error.message : String(error));
  }

  get needsSignIn(): boolean {
    return this.code === 'unauthorized' || this.status === 401;
  }
}
