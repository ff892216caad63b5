// The tree of an expression of pcap-filter(7): immutable, each part with its place. Qualifiers that a later name takes over
// from the one before it (`port 80 or 443`) are written out here.

import type { Span } from "../../source/index.ts";
import type { Operator } from "./expression.ts";

/** What a name is asked of: of which protocol, which direction, and what it is. */
export interface Qualifiers {
  readonly protocol?: string;
  readonly direction?: Direction;
  readonly type?: Type;
}
export type Direction =
  | "src"
  | "dst"
  | "src or dst"
  | "src and dst"
  | "addr1"
  | "addr2"
  | "addr3"
  | "addr4"
  | "ra"
  | "ta";
export type Type = "host" | "net" | "port" | "portrange" | "proto" | "protochain" | "gateway";

/** A name as it is written. */
export type Id =
  | { readonly kind: "number"; readonly number: number; readonly text: string; readonly span: Span }
  /** `10.1.2`: as many bytes as are written. */
  | {
      readonly kind: "ip4";
      readonly address: number;
      readonly bytes: number;
      readonly text: string;
      readonly span: Span;
    }
  /** `50.764`: what is no address of IPv4, for it is one of DECnet. */
  | {
      readonly kind: "decnet";
      readonly area: number;
      readonly node: number;
      readonly text: string;
      readonly span: Span;
    }
  | { readonly kind: "ip6"; readonly address: readonly number[]; readonly text: string; readonly span: Span }
  | { readonly kind: "mac"; readonly address: readonly number[]; readonly text: string; readonly span: Span }
  | { readonly kind: "arcnet"; readonly number: number; readonly text: string; readonly span: Span }
  | { readonly kind: "name"; readonly text: string; readonly span: Span };

export type Mask =
  | { readonly kind: "bits"; readonly bits: number; readonly span: Span }
  | { readonly kind: "address"; readonly address: number; readonly bytes: number; readonly span: Span };

export type Arithmetic = { readonly span: Span } & (
  | { readonly kind: "number"; readonly number: number }
  | { readonly kind: "length" }
  | { readonly kind: "binary"; readonly operator: Operator; readonly left: Arithmetic; readonly right: Arithmetic }
  | { readonly kind: "negate"; readonly of: Arithmetic }
  | { readonly kind: "bytes"; readonly protocol: string; readonly at: Arithmetic; readonly size: number }
);

export type Comparison = "=" | "!=" | ">" | ">=" | "<" | "<=";

export type Expression = { readonly span: Span } & (
  | { readonly kind: "all" }
  | { readonly kind: "and" | "or"; readonly left: Expression; readonly right: Expression }
  | { readonly kind: "not"; readonly of: Expression }
  | { readonly kind: "relation"; readonly relation: Comparison; readonly left: Arithmetic; readonly right: Arithmetic }
  /** `tcp` */
  | { readonly kind: "protocol"; readonly name: string }
  | { readonly kind: "id"; readonly qualifiers: Qualifiers; readonly id: Id; readonly mask?: Mask }
  /** A word with its arguments: `vlan 10`, `less 64`, `inbound`, `type mgt`. */
  | {
      readonly kind: "word";
      readonly word: string;
      readonly protocol?: string;
      readonly number?: number;
      readonly text?: string;
      readonly relation?: Comparison | "&" | "|";
    }
);
