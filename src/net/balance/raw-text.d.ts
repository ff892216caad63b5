// A file as its text, as Vite and the build have it.

declare module "*?raw" {
  const text: string;
  export default text;
}
