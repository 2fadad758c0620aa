/** Conversations as they come from storage, from a file, or from a page of another version. */
import {
  isUnderWay,
  newId,
  noParameters,
  type Answer,
  type Conversation,
  type Turn,
} from './types';

const isText = (value: unknown): value is string => typeof value === 'string';

/** null: not an answer. */
export function answerOf(value: unknown): Answer | null {
  const answer = value as Answer | null;
  if (!answer || !isText(answer.text) || !isText(answer.model) || !answer.figures) return null;
  return isText(answer.id) ? answer : { ...answer, id: newId() };
}

export const answersOf = (conversation: Conversation): Answer[] =>
  conversation.turns.flatMap(({ answers }) => answers.filter((answer) => answer !== null));

/** An answer that nobody makes any more has stopped where it is. */
export function stopAnswer(answer: Answer): void {
  if (isUnderWay(answer)) Object.assign(answer, { state: 'stopped', waiting: '' });
}

/** null: not a conversation. */
export function conversationOf(value: unknown): Conversation | null {
  const raw = value as Partial<Conversation> | null;
  if (!raw || !isText(raw.id) || !isText(raw.title)) return null;
  if (!Array.isArray(raw.models) || !raw.models.every(isText)) return null;
  if (!Array.isArray(raw.turns)) return null;
  const turns = raw.turns.filter((turn): turn is Turn => isText(turn?.id) && isText(turn?.text));
  return {
    id: raw.id,
    title: raw.title,
    changed_at: Number(raw.changed_at) || 0,
    models: raw.models.slice(0, 2),
    turns: turns.map((turn) => ({
      ...turn,
      images: Array.isArray(turn.images)
        ? turn.images.filter((image) => isText(image) && image.startsWith('data:image/'))
        : [],
      answers: Array.isArray(turn.answers) ? turn.answers.map(answerOf) : [],
    })),
    parameters: { ...noParameters(), ...raw.parameters },
  };
}
