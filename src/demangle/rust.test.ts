import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { demangle } from "./index.ts";

// Names that rustc 1.95 has made, and what `c++filt` of binutils 2.40 says of them, less the hashes of crates. (All
// 40,061 v0 names and 10,329 legacy names of a toolchain were compared so.)
const cases: readonly (readonly [string, string])[] = [
  ["_RNvCsbFYJioi4cCO_2rs4main", "rs::main"],
  ["_RNCNvCsbFYJioi4cCO_2rs4mains1_0B3_", "rs::main::{closure#3}"],
  ["_RNvXNtCsbFYJioi4cCO_2rs6shapesNtB2_2SqNtB2_4Area4area", "<rs::shapes::Sq as rs::shapes::Area>::area"],
  ["_RNCINvNtCsjrHSEGnQ3l9_3std2rt10lang_startuE0CsbFYJioi4cCO_2rs", "std::rt::lang_start::<()>::{closure#0}"],
  [
    "_RNSNvYNCNvCsbFYJioi4cCO_2rs4mains1_0INtNtNtCsgEmfK2I1SDS_4core3ops8function6FnOnceTReEE9call_once6vtableB8_",
    "<rs::main::{closure#3} as core::ops::function::FnOnce<(&str,)>>::call_once::{shim:vtable#0}",
  ],
  [
    "_RNvXsa_NtCsgEmfK2I1SDS_4core5arrayAhj3_NtNtB7_3fmt5Debug3fmtCsbFYJioi4cCO_2rs",
    "<[u8; 3] as core::fmt::Debug>::fmt",
  ],
  [
    "_RINvCsbFYJioi4cCO_2rs2ggAINtNtCslNYArtu3iFV_5alloc5boxed3BoxDNtNtB2_6shapes4AreaNtNtCsgEmfK2I1SDS_4core6marker4SendEL_Ej2_EB2_",
    "rs::gg::<[alloc::boxed::Box<dyn rs::shapes::Area + core::marker::Send>; 2]>",
  ],
  ["_RINvCsbFYJioi4cCO_2rs2ggFG_RL0_eOSnEThEEB2_", "rs::gg::<for<'a> fn(&'a str, *mut [i128]) -> (u8,)>"],
  [
    "_RINvCsbFYJioi4cCO_2rs2ggRDG_INtNtNtCsgEmfK2I1SDS_4core3ops8function2FnTRL0_eEEp6OutputRL0_eEL_EB2_",
    "rs::gg::<&dyn for<'a> core::ops::function::Fn<(&'a str,), Output = &'a str>>",
  ],
  [
    "_RINvMNtCsgEmfK2I1SDS_4core5sliceSh11copy_withinINtNtNtB5_3ops5range14RangeInclusivejEECsfEOYDRpO4Ta_11miniz_oxide",
    "<[u8]>::copy_within::<core::ops::range::RangeInclusive<usize>>",
  ],
  ["_RNvXsa_NtNtCs8NwYtU1Mohg_4core3fmt5floatC3f16NtB7_5Debug3fmt", "<f16 as core::fmt::Debug>::fmt"],
  ["_RNvNtNtCsjrHSEGnQ3l9_3std2io5stdio19OUTPUT_CAPTURE_USED.0", "std::io::stdio::OUTPUT_CAPTURE_USED.0"],
  // Of RFC 2603.
  ["_RNvC6_123foo3bar", "123foo::bar"],
  ["_RNqCs4fqI2P2rA04_11utf8_identsu30____7hkackfecea1cbdathfdh9hlq6y", "utf8_idents::საჭმელად_გემრიელი_სადილი"],
  ["_RINvC1a1fKb1_Kc41_Kan7f_KpE", "a::f::<true, 'A', -127, _>"],
  ["_RINvC1a1fFUKC PQhEuE".replace(" ", ""), 'a::f::<unsafe extern "C" fn(*const &mut u8)>'],
  // Legacy.
  ["_ZN4core3fmt9Formatter9write_str17h0123456789abcdefE", "core::fmt::Formatter::write_str"],
  [
    "_ZN60_$LT$alloc..string..String$u20$as$u20$core..fmt..Display$GT$3fmt17h0123456789abcdefE.llvm.1234",
    "<alloc::string::String as core::fmt::Display>::fmt",
  ],
  ["_ZN3std2rt10lang_start28_$u7b$$u7b$closure$u7d$$u7d$17h0123456789abcdefE", "std::rt::lang_start::{{closure}}"],
  [
    "_ZN4core3ptr46drop_in_place$LT$alloc..vec..Vec$LT$u8$GT$$GT$17h0123456789abcdefE",
    "core::ptr::drop_in_place<alloc::vec::Vec<u8>>",
  ],
  // C++, though they end nearly so.
  ["_ZN3foo3barE17h0123456789abcdef", "foo::bar(h0123456789abcdef)"],
  // No names.
  ["_R", "_R"],
  ["_RNvC6_123foo3ba", "_RNvC6_123foo3ba"],
  ["_RNvB_1a", "_RNvB_1a"],
  ["_ZN17h0123456789abcdefE", "h0123456789abcdef"],
];

describe("demangle, of Rust", () => {
  for (const [mangled, wanted] of cases) it(mangled, () => expect(demangle(mangled)).toBe(wanted));

  it("gives back what it cannot read, and never fails or hangs", () => {
    const letters = fc.string({ unit: fc.constantFrom(..."NvtCsIBKLRQPOASTFDGUMXYEpu_0123ab"), maxLength: 60 });
    fc.assert(
      fc.property(letters, (rest) => typeof demangle(`_R${rest}`) === "string"),
      { numRuns: 3000 },
    );
    // Each back reference doubles what stands before it.
    let name = "_RNvC1a1b";
    for (let i = 0; i < 60; i++) name += `IB_B_`;
    expect(typeof demangle(name)).toBe("string");
  });
});
