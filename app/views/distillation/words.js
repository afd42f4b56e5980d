// What both stages of distillation share: one loss in nats for teacher and student, and marks where the training takes
// a turn.

import { Player } from "../../canvas/player.js";

/**
 * Nats above what is best: of the teacher, its loss above the entropy of the data; of the student, KL(student ‖
 * teacher).
 */
export function lossOf(losses, entropy) {
  const own = losses.student_kl ?? losses.student_loss ?? losses.pairs_kl;
  return Number.isFinite(own) ? own : losses.teacher_loss - entropy;
}

/** A player whose track has marks where the training takes a turn. */
export class HandoverPlayer extends Player {
  show(state) {
    super.show({ ...state, marks: this.turns });
  }
}
