// The version of the package, put in by the build.

declare const SCRY_VERSION: string | undefined;

export const version: string = typeof SCRY_VERSION === "undefined" ? "0.0.0" : SCRY_VERSION;
