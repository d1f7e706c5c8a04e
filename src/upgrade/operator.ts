import type { Plan } from "../model/documents.ts";
import { NO_WISHES, type Operator, type Order, operatorSchema } from "../model/operator.ts";
import type { Layout } from "../model/paths.ts";
import { type Found, readDocument, requireUsable, writeDocument } from "../system/documents.ts";

/** `operator.json`, read and written. Whoever writes it holds `upgrade.lock`, and has read it under that lock. */

const readOperator = (layout: Layout): Found<Operator> => readDocument(operatorSchema, layout.operator);

/** What people have said. @throws {NymvisorError} if that cannot be used: a hold in it must not be overlooked. */
export function requireOperator(layout: Layout): Operator {
  const next = `look at it; to go on without it: mv ${layout.operator} ${layout.operator}.bad, then run nymvisor again`;
  return requireUsable(readOperator(layout), layout.operator, next) ?? NO_WISHES;
}

/** Durable when it returns. */
export function writeOperator(layout: Layout, operator: Operator): void {
  writeDocument(operatorSchema, layout.operator, operator);
}

/** Notes that a person has named the time of an entry; see {@link withOrder}. Durable when it returns. */
export function noteOrder(layout: Layout, order: Order, planned: ReadonlySet<string>): void {
  writeOperator(layout, withOrder(requireOperator(layout), order, planned));
}

/** With an order, and without what was noted of entries that are gone. */
export function withOrder(operator: Operator, order: Order, planned: ReadonlySet<string>): Operator {
  const others = operator.orders.filter(({ name }) => name !== order.name && planned.has(name));
  return { ...operator, orders: [...others, order] };
}

/** What an order may be about: all that is planned, and what runs. */
export function namesIn({ current, queuedUp }: Plan): ReadonlySet<string> {
  return new Set([current, ...queuedUp].map(({ name }) => name));
}
