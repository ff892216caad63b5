// Numbers that stand for names, as the C library words them: errors (strerror(3)) and signals (strsignal(3)).

import type { NamedTable } from "./types.ts";

/** Texts of errors by their numbers, from 0. */
const ERRORS: readonly string[] =
  `Success|Operation not permitted|No such file or directory|No such process|Interrupted system call|Input/output error|No such device or address|Argument list too long|Exec format error|Bad file descriptor|No child processes|Resource temporarily unavailable|Cannot allocate memory|Permission denied|Bad address|Block device required|Device or resource busy|File exists|Invalid cross-device link|No such device|Not a directory|Is a directory|Invalid argument|Too many open files in system|Too many open files|Inappropriate ioctl for device|Text file busy|File too large|No space left on device|Illegal seek|Read-only file system|Too many links|Broken pipe|Numerical argument out of domain|Numerical result out of range|Resource deadlock avoided|File name too long|No locks available|Function not implemented|Directory not empty|Too many levels of symbolic links||No message of desired type|Identifier removed|Channel number out of range|Level 2 not synchronized|Level 3 halted|Level 3 reset|Link number out of range|Protocol driver not attached|No CSI structure available|Level 2 halted|Invalid exchange|Invalid request descriptor|Exchange full|No anode|Invalid request code|Invalid slot||Bad font file format|Device not a stream|No data available|Timer expired|Out of streams resources|Machine is not on the network|Package not installed|Object is remote|Link has been severed|Advertise error|Srmount error|Communication error on send|Protocol error|Multihop attempted|RFS specific error|Bad message|Value too large for defined data type|Name not unique on network|File descriptor in bad state|Remote address changed|Can not access a needed shared library|Accessing a corrupted shared library|.lib section in a.out corrupted|Attempting to link in too many shared libraries|Cannot exec a shared library directly|Invalid or incomplete multibyte or wide character|Interrupted system call should be restarted|Streams pipe error|Too many users|Socket operation on non-socket|Destination address required|Message too long|Protocol wrong type for socket|Protocol not available|Protocol not supported|Socket type not supported|Operation not supported|Protocol family not supported|Address family not supported by protocol|Address already in use|Cannot assign requested address|Network is down|Network is unreachable|Network dropped connection on reset|Software caused connection abort|Connection reset by peer|No buffer space available|Transport endpoint is already connected|Transport endpoint is not connected|Cannot send after transport endpoint shutdown|Too many references: cannot splice|Connection timed out|Connection refused|Host is down|No route to host|Operation already in progress|Operation now in progress|Stale file handle|Structure needs cleaning|Not a XENIX named type file|No XENIX semaphores available|Is a named type file|Remote I/O error|Disk quota exceeded|No medium found|Wrong medium type|Operation canceled|Required key not available|Key has expired|Key has been revoked|Key was rejected by service|Owner died|State not recoverable|Operation not possible due to RF-kill|Memory page has hardware error`
    .replaceAll("\n", " ")
    .split("|");

/** Texts of signals by their numbers, from 1. */
const SIGNALS: readonly string[] =
  `Hangup|Interrupt|Quit|Illegal instruction|Trace/breakpoint trap|Aborted|Bus error|Floating point exception|Killed|User defined signal 1|Segmentation fault|User defined signal 2|Broken pipe|Alarm clock|Terminated|Stack fault|Child exited|Continued|Stopped (signal)|Stopped|Stopped (tty input)|Stopped (tty output)|Urgent I/O condition|CPU time limit exceeded|File size limit exceeded|Virtual timer expired|Profiling timer expired|Window changed|I/O possible|Power failure|Bad system call`
    .replaceAll("\n", " ")
    .split("|");

/** asm-generic/signal.h: the first that the C library leaves to programs, and the last. */
const FIRST_REAL_TIME = 34;
const LAST_SIGNAL = 64;

const orElse = (text: string | undefined, otherwise: string): string =>
  text === undefined || text === "" ? otherwise : text;

/** What is said of a number that a table has no name for. */
export const UNNAMED: Readonly<Record<NamedTable, string>> = {
  errno: "Unknown error",
  signal: "N/A",
  syscall: "Unknown syscall",
};

/** The text of an error, which may be negative as the kernel returns it, or of a signal. */
export function numberName(table: "errno" | "signal", n: number): string {
  if (table === "errno") return orElse(ERRORS[Math.abs(n)], UNNAMED.errno);
  if (n >= FIRST_REAL_TIME && n <= LAST_SIGNAL) return `Real-time signal ${n - FIRST_REAL_TIME}`;
  return orElse(SIGNALS[n - 1], UNNAMED.signal);
}
