// Packets: the protocols' headers as one table; packets built of headers, and taken apart into them.
export { type GivenFields, type PacketBuilder, packet } from "./build.ts";
export { type DecodedHeader, type DecodedPacket, decodePacket, formatPacket } from "./decode.ts";
export { type FieldValue, internetSum } from "./fields.ts";
export { type Field, type HeaderLayout, headerLayout } from "./layout.ts";
export { type FirstHeader, firstHeader } from "./links.ts";
export type { DecodedMessage, MessageName, MessageValue } from "./messages.ts";
export {
  type CarriedBy,
  type ChecksumRow,
  type FieldsOf,
  type FieldWidth,
  IPV6_EXTENSIONS,
  PROTOCOL_NAMES,
  PROTOCOLS,
  type ProtocolName,
  type ProtocolRow,
  protocolRow,
  VLAN_TYPES,
} from "./protocols.ts";
export type { TcpOption } from "./tcp-options.ts";
