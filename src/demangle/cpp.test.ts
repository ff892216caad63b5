import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { demangle } from "./index.ts";

// What `c++filt -i` of binutils 2.40 says.
const cases: readonly (readonly [string, string])[] = [
  ["main", "main"],
  ["_ZN3foo3barEv", "foo::bar()"],
  ["_Z3addii", "add(int, int)"],
  ["_ZNK3foo3barERKS_Pc", "foo::bar(foo const&, char*) const"],
  ["_ZN3fooC1Ei", "foo::foo(int)"],
  ["_ZN3fooD0Ev", "foo::~foo()"],
  ["_ZNSaIcED1Ev", "std::allocator<char>::~allocator()"],
  [
    "_ZNSsC1EPKcRKSaIcE",
    "std::basic_string<char, std::char_traits<char>, std::allocator<char> >::basic_string(char const*, std::allocator<char> const&)",
  ],
  ["_Z3maxIiET_S0_S0_", "int max<int>(int, int)"],
  ["_ZSt4sortIPiEvT_S1_", "void std::sort<int*>(int*, int*)"],
  ["_ZNSt6vectorIiSaIiEE9push_backERKi", "std::vector<int, std::allocator<int> >::push_back(int const&)"],
  ["_ZNSt8ios_base7failureB5cxx11D0Ev", "std::ios_base::failure[abi:cxx11]::~failure()"],
  [
    "_ZStlsISt11char_traitsIcEERSt13basic_ostreamIcT_ES5_PKc",
    "std::basic_ostream<char, std::char_traits<char> >& std::operator<< <std::char_traits<char> >(std::basic_ostream<char, std::char_traits<char> >&, char const*)",
  ],
  ["_ZN12_GLOBAL__N_13fooEv", "(anonymous namespace)::foo()"],
  ["_Z3fooPFvicE", "foo(void (*)(int, char))"],
  ["_Z3fooRA10_i", "foo(int (&) [10])"],
  ["_Z3fooM3barFivE", "foo(int (bar::*)())"],
  ["_ZTV3foo", "vtable for foo"],
  ["_ZTIN1a1bE", "typeinfo for a::b"],
  ["_ZThn16_N1a1bEv", "non-virtual thunk to a::b()"],
  ["_ZGVZ3foovE1x", "guard variable for foo()::x"],
  ["_ZZ4mainENKUlvE_clEv", "main::{lambda()#1}::operator()() const"],
  ["_Z1fIXadL_Z3barvEEEvv", "void f<&(bar())>()"],
  ["_Z1fIJicEEvDpT_", "void f<int, char>(int, char)"],
  ["_Z1fIJEEvDpT_", "void f<>()"],
  ["_Z1fILi5ELb1EEvv", "void f<5, true>()"],
  ["_Z1fILin3EEvv", "void f<-3>()"],
  ["_Z1fOKi", "f(int const&&)"],
  ["_ZplRK1aS1_", "operator+(a const&, a const&)"],
  ["_ZN1acviEv", "a::operator int()"],
  ["_Znwm", "operator new(unsigned long)"],
  ["_Z3foov.part.0", "foo() [clone .part.0]"],
  ["_Z3foov.isra.0.cold", "foo() [clone .isra.0] [clone .cold]"],
  ["_ZN1a1bE", "a::b"],
  ["_Z", "_Z"],
  ["_ZN", "_ZN"],
  ["_Z99foo", "_Z99foo"],
  ["_Z1fS9_", "_Z1fS9_"],
  ["_ZNSt", "_ZNSt"],
];

describe("demangle", () => {
  for (const [mangled, wanted] of cases) it(mangled, () => expect(demangle(mangled)).toBe(wanted));

  it("gives back what it cannot read, and never fails", () => {
    const letters = fc.string({ unit: fc.constantFrom(..."NSTtIEJKPRFvic0123_ZLXDpUlaC1"), maxLength: 40 });
    fc.assert(
      fc.property(letters, (rest) => typeof demangle(`_Z${rest}`) === "string"),
      { numRuns: 3000 },
    );
  });
});
