/** What the palette finds, and in which order. */
import { match, type Match } from './match';

export interface Entry {
  id: string;
  group: string;
  title: string;
  name?: string;
  icon?: string;
  keys?: readonly string[];
  words?: string;
  state?: string;
  isDestructive?: boolean;
  /** Why it cannot be run. */
  refused?: string;
  more?: () => readonly Entry[];
  choices?: { prepare?: () => void; list: () => readonly Entry[]; none: () => string };
  run: () => void;
}

export interface Hit {
  /** Whose row it is. */
  item: Entry;
  /** What the row does: the item's own, or that of its actions which was typed. */
  entry: Entry;
  found: Match;
}

const SHOWN_MAX = 50;
/** So that one group, however long, leaves room for the others. */
const GROUP_MAX = 15;
/** A letter of a run scores 4: below this the letters are scattered, and may mean another action. */
const SURE = 3;
/** Part of the best score below which a match is an accident. */
const CLOSE = 0.6;

/** Further actions are found by their verb, not by two letters that it shares with many names. */
const isMeant = ({ title }: Entry, query: string) =>
  query.includes(' ') || (query.length > 2 && title.toLowerCase().startsWith(query.toLowerCase()));

function find(item: Entry, query: string): Hit | null {
  if (query === '') return { item, entry: item, found: { score: 0, at: [] } };
  const own = match(item.title, query);
  let best: Hit | null = own && { item, entry: item, found: own };
  if (own && own.score >= SURE * own.at.length) return best;
  const consider = (entry: Entry, found: Match | null) => {
    if (found && (!best || found.score > best.found.score)) best = { item, entry, found };
  };
  for (const action of item.more?.() ?? [])
    if (isMeant(action, query)) consider(action, match(action.title, query));
  const other = match(item.words ?? '', query);
  if (other) consider(item, { score: other.score - 5, at: [] });
  return best;
}

/**
 * Those that match nearly as well as the best: by group, then by how well it matches. What ends
 * something comes last: in its group, and such groups after the others.
 */
export function hitsOf(entries: readonly Entry[], groups: readonly string[], query: string): Hit[] {
  const all = entries.flatMap((item) => find(item, query.trim()) ?? []);
  const best = all.reduce((most, { found }) => Math.max(most, found.score), 0);
  const found = all.filter((hit) => hit.found.score >= CLOSE * best);
  const isGrave = ({ entry }: Hit) => Number(entry.isDestructive ?? false);
  const placeOf = new Map(
    groups.map((group, i) => {
      const isCalm = found.some((hit) => hit.entry.group === group && isGrave(hit) === 0);
      return [group, isCalm ? i : i + groups.length];
    }),
  );
  const place = (hit: Hit) => placeOf.get(hit.entry.group) ?? groups.length * 2;
  return found
    .toSorted(
      (a, b) => place(a) - place(b) || isGrave(a) - isGrave(b) || b.found.score - a.found.score,
    )
    .filter(({ entry }, i, sorted) => sorted[i - GROUP_MAX]?.entry.group !== entry.group)
    .slice(0, SHOWN_MAX);
}
