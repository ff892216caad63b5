// Licences that the kernel takes for GPL-compatible (license_is_gpl_compatible of include/linux/license.h).

const GPL_LICENSES: readonly string[] = [
  "GPL",
  "GPL v2",
  "GPL and additional rights",
  "Dual BSD/GPL",
  "Dual MIT/GPL",
  "Dual MPL/GPL",
];
export const isGpl = (license: string): boolean => GPL_LICENSES.includes(license);
