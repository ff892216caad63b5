// Every width into every other, with and without a sign.
#define OF(T) (long)(T)a * 3 + (long)(T)(int)b + (long)(unsigned char)(T)a + (long)(short)(T)b + (long)(unsigned)(T)a
long t_conv_char(long a, long b) { return OF(char); }
long t_conv_uchar(long a, long b) { return OF(unsigned char); }
long t_conv_short(long a, long b) { return OF(short); }
long t_conv_ushort(long a, long b) { return OF(unsigned short); }
long t_conv_int(long a, long b) { return OF(int); }
long t_conv_uint(long a, long b) { return OF(unsigned); }
long t_conv_bool(long a, long b) { return OF(_Bool); }
long t_conv_long(long a, long b) { return OF(unsigned long); }
