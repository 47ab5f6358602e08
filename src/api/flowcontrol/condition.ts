/** The condition of flow control's kinds: older than the standard one, every field may be missing. */
import { s, struct } from '#schema/type.ts';

export const flowCondition = (name: string) =>
  struct(
    name,
    {
      type: s.string(1).optional().doc('What is observed.'),
      status: s.oneOf(2, 'True', 'False', 'Unknown').optional().doc('Whether it holds.'),
      lastTransitionTime: s.time(3).optional().doc('When the status last changed.'),
      reason: s.string(4).optional().doc('Why it changed: one CamelCase word for programs.'),
      message: s.string(5).optional().doc('Why it changed, for people.'),
    },
    { doc: 'One aspect of the state.' },
  );
