/** What Table.svelte counts: which tracks there are, where an arrow leads, which rows are drawn. */
export interface Column {
  id: string;
  label: string;
  /** A track of a grid: "96px", "minmax(160px, 2fr)". */
  width: string;
  /** Numbers stand right. */
  isNumber?: boolean;
  /** Leaves first ('xl'), or next ('wide'), where there is little room. */
  only?: 'xl' | 'wide';
  isSortable?: boolean;
}

export interface Sort {
  by: string;
  isDescending: boolean;
}

/** The tracks at full width, without the columns of `xl`, and without those of `wide`, too. */
export function tracks(columns: readonly Column[]): {
  all: string;
  medium: string;
  narrow: string;
} {
  const of = (wanted: readonly Column[]) => wanted.map(({ width }) => width).join(' ');
  return {
    all: of(columns),
    medium: of(columns.filter(({ only }) => only !== 'xl')),
    narrow: of(columns.filter(({ only }) => !only)),
  };
}

/**
 * The row that a key leads to from row `from` of `n`; null: the key leads nowhere. `page` rows are
 * seen at once; `isSkipped` tells the rows that are no stop.
 */
export function next(
  key: string,
  from: number,
  n: number,
  page: number,
  isSkipped: (index: number) => boolean = () => false,
): number | null {
  const targets: Record<string, number> = {
    ArrowDown: from + 1,
    ArrowUp: from - 1,
    PageDown: from + page,
    PageUp: from - page,
    Home: 0,
    End: n - 1,
  };
  const target = targets[key];
  if (target === undefined || n === 0) return null;
  const step = key === 'ArrowUp' || key === 'PageUp' || key === 'End' ? -1 : 1;
  const start = Math.min(n - 1, Math.max(0, target));
  for (const direction of [step, -step])
    for (let i = start; i >= 0 && i < n; i += direction) if (!isSkipped(i)) return i;
  return null;
}

/** The rows from `first` to `last`, and the one that has the focus, wherever it is. */
export function drawn(first: number, last: number, kept: number | null): number[] {
  const rows = Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
  if (kept === null || (kept >= first && kept <= last)) return rows;
  return kept < first ? [kept, ...rows] : [...rows, kept];
}

/** A click on a head: the other direction, or a new column in its own first direction. */
export function turned(sort: Sort, column: Column): Sort {
  if (sort.by === column.id) return { by: column.id, isDescending: !sort.isDescending };
  return { by: column.id, isDescending: column.isNumber === true };
}
