# src/respond/gate_map.h as a later version might have it: another number, and other forms of the maps that matter most.
s/^#define GATE_LAYOUT .*/#define GATE_LAYOUT 1000/
/^        __u32 mode; /a\        __u64 grown[3];
/^        __u64 up\[GATE_ANCESTORS\];/i\        __u64 grown[2];
/^        __u32 left; /i\        __u64 grown;
