// Packets: the protocols' headers, as one table.
export { type Field, type HeaderLayout, headerLayout } from "./layout.ts";
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
