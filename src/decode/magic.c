/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a file is by its first bytes, and what its name and declared type promise. The first bytes are those of the
 * formats' specifications, as file(1) uses them. A bot's egg travels under a false name, so content decides, and what
 * is not certain is FILE_UNKNOWN rather than a program. Runs in the engine and in `read`. */
#include "decode/magic.h"

#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

struct mark {
        const char *bytes;
        uint8_t len, at;
        uint8_t kind;
};
#define MARK(at_, bytes_, kind_)                                                                                       \
        {                                                                                                              \
                .bytes = bytes_, .len = sizeof(bytes_) - 1, .at = at_, .kind = kind_                                   \
        }

static const struct mark marks[] = {
        MARK(0,
             "\x7f"
             "ELF",
             FILE_ELF),
        MARK(0, "\xfe\xed\xfa\xce", FILE_MACHO),
        MARK(0, "\xfe\xed\xfa\xcf", FILE_MACHO),
        MARK(0, "\xce\xfa\xed\xfe", FILE_MACHO),
        MARK(0, "\xcf\xfa\xed\xfe", FILE_MACHO),
        MARK(0, "dex\n0", FILE_DEX),
        MARK(0, "PK\5\6", FILE_ARCHIVE),
        MARK(0, "PK\7\10PK", FILE_ARCHIVE),
        MARK(0, "\x1f\x8b\x08", FILE_ARCHIVE),
        MARK(0, "\x1f\x9d", FILE_ARCHIVE),
        MARK(0, "Rar!\x1a\x07", FILE_ARCHIVE),
        MARK(0, "7z\xbc\xaf\x27\x1c", FILE_ARCHIVE),
        MARK(0,
             "\xfd"
             "7zXZ",
             FILE_ARCHIVE),
        MARK(0, "MSCF\0\0\0\0", FILE_ARCHIVE),
        MARK(4, "1AY&SY", FILE_ARCHIVE), /* bzip2, after "BZh9" */
        MARK(0, "\x28\xb5\x2f\xfd", FILE_ARCHIVE),
        MARK(0, "\x04\x22\x4d\x18", FILE_ARCHIVE),
        MARK(0, "!<arch>\n", FILE_ARCHIVE),
        MARK(0, "\xed\xab\xee\xdb", FILE_ARCHIVE), /* RPM */
        MARK(2, "-lh", FILE_ARCHIVE),
        MARK(7, "**ACE**", FILE_ARCHIVE),
        MARK(0, "%PDF-", FILE_DOCUMENT),
        MARK(0, "%!PS", FILE_DOCUMENT),
        MARK(0, "{\\rtf", FILE_DOCUMENT),
        MARK(0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", FILE_DOCUMENT),
        MARK(0, "\x89PNG\r\n\x1a\n", FILE_IMAGE),
        MARK(0, "\xff\xd8\xff", FILE_IMAGE),
        MARK(0, "GIF87a", FILE_IMAGE),
        MARK(0, "GIF89a", FILE_IMAGE),
        MARK(0, "II*\0", FILE_IMAGE),
        MARK(0, "MM\0*", FILE_IMAGE),
        MARK(0, "8BPS", FILE_IMAGE),
        MARK(0, "\0\0\1\0\1\0", FILE_IMAGE), /* ICO of one to three pictures */
        MARK(0, "\0\0\1\0\2\0", FILE_IMAGE),
        MARK(0, "\0\0\1\0\3\0", FILE_IMAGE),
        MARK(8, "WEBPVP8", FILE_IMAGE),
        MARK(4, "ftypavif", FILE_IMAGE),
        MARK(4, "ftypheic", FILE_IMAGE),
        MARK(0, "ID3", FILE_MEDIA),
        MARK(0, "\xff\xfb", FILE_MEDIA), /* MPEG audio, layer 3 */
        MARK(0, "\xff\xf3", FILE_MEDIA),
        MARK(0, "\xff\xf1", FILE_MEDIA), /* AAC */
        MARK(0, "\xff\xf9", FILE_MEDIA),
        MARK(0, "OggS", FILE_MEDIA),
        MARK(0, "fLaC", FILE_MEDIA),
        MARK(8, "WAVEfmt ", FILE_MEDIA),
        MARK(8, "AVI LIST", FILE_MEDIA),
        MARK(4, "ftyp", FILE_MEDIA),
        MARK(0, "\x1a\x45\xdf\xa3", FILE_MEDIA), /* Matroska, WebM */
        MARK(0, "FLV\1", FILE_MEDIA),
        MARK(0, "\0\0\1\xba", FILE_MEDIA),
        MARK(0, "\x30\x26\xb2\x75\x8e\x66\xcf\x11", FILE_MEDIA), /* ASF */
        MARK(0, "FWS", FILE_MEDIA),
        MARK(0, "CWS", FILE_MEDIA),
        MARK(0, "\x02\x21\x4c\x18", FILE_ARCHIVE),
};

/* How scripts begin that have no "#!"; any case. Shells on order fetch these ("IEX (New-Object Net.WebClient)..."). */
static const char *const script_starts[] = {
        "@echo ",
        "@echo\r",
        "powershell",
        "on error resume next",
        "option explicit",
        "iex(",
        "iex (",
        "iex $",
        "setlocal",
        "$erroractionpreference",
        "invoke-expression",
        "new-object ",
        "set-execution",
        "<?php",
        "<job id",
        "wscript.",
};

static bool has(const uint8_t *data, uint32_t len, uint32_t at, const char *bytes, uint32_t n)
{
        return len >= at + n && memcmp(data + at, bytes, n) == 0;
}

static uint32_t get32(const uint8_t *p)
{
        return p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16 | (uint32_t) p[3] << 24;
}

/* A DOS header keeps the offset of the next one at 60; linkers put it within the first thousands of bytes. Text that
 * begins with "MZ" has no zero there, and of less than 64 bytes no other control bytes than those that end lines. */
static bool is_pe(const uint8_t *data, uint32_t len)
{
        if (!has(data, len, 0, "MZ", 2))
                return false;
        if (len < 64) {
                for (uint32_t i = 2; i < len; i++)
                        if (data[i] < ' ' && !memchr("\t\n\r", data[i], 3))
                                return true;
                return len == 2;
        }
        uint32_t next = get32(data + 60);
        if (next >= 0x100000)
                return false;
        if (next <= len - 4 && !has(data, len, next, "PE\0\0", 4))
                return has(data, len, next, "NE", 2);
        return true;
}

/* CAFEBABE begins a Mach-O for several processors (their number follows) and a Java class (its version, from 45 on). */
static enum file_kind cafebabe(const uint8_t *data, uint32_t len)
{
        if (!has(data, len, 0, "\xca\xfe\xba\xbe", 4) || len < 8)
                return FILE_UNKNOWN;
        if (has(data, len, 4, "\0\0\0", 3) && data[7] > 0 && data[7] < 45)
                return FILE_MACHO;
        return has(data, len, 6, "\0", 1) && data[7] >= 45 ? FILE_JAR : FILE_UNKNOWN;
}

/* A zip is told by the name of its first file. */
static enum file_kind zip_kind(const uint8_t *data, uint32_t len)
{
        static const struct {
                const char *name;
                uint8_t kind;
        } first[] = {
                {"META-INF/", FILE_JAR},   {"AndroidManifest.xml", FILE_JAR},
                {"classes.dex", FILE_JAR}, {"[Content_Types]", FILE_DOCUMENT},
                {"_rels/", FILE_DOCUMENT}, {"docProps/", FILE_DOCUMENT},
                {"word/", FILE_DOCUMENT},  {"xl/", FILE_DOCUMENT},
                {"ppt/", FILE_DOCUMENT},   {"mimetype", FILE_DOCUMENT},
        };

        for (size_t i = 0; i < ELEMENTSOF(first); i++)
                if (has(data, len, 30, first[i].name, (uint32_t) strlen(first[i].name)))
                        return first[i].kind;
        return FILE_ARCHIVE;
}

static bool is_script(const uint8_t *data, uint32_t len)
{
        if (has(data, len, 0, "\xef\xbb\xbf", 3)) {
                data += 3;
                len -= 3;
        }
        if (has(data, len, 0, "#!", 2) && len > 2 && (data[2] == '/' || data[2] == ' '))
                return true;
        for (size_t i = 0; i < ELEMENTSOF(script_starts); i++) {
                size_t n = strlen(script_starts[i]);
                if (len >= n && strncasecmp((const char *) data, script_starts[i], n) == 0)
                        return true;
        }
        /* VBS: Set shell = CreateObject("WScript.Shell") */
        return len > 4 && strncasecmp((const char *) data, "set ", 4) == 0 &&
               memmem(data, len, "CreateObject(", strlen("CreateObject("));
}

/* UTF-8 as far as it goes; a character cut by the end is fine. */
static bool is_utf8(const uint8_t *p, uint32_t len)
{
        for (uint32_t i = 0, more; i < len; i += more + 1) {
                more = p[i] < 0x80 ? 0 : (p[i] & 0xe0) == 0xc0 ? 1 : (p[i] & 0xf0) == 0xe0 ? 2 : 3;
                if (p[i] >= 0x80 && (p[i] < 0xc2 || p[i] > 0xf4))
                        return false;
                for (uint32_t k = 1; k <= more && i + k < len; k++)
                        if ((p[i + k] & 0xc0) != 0x80)
                                return false;
        }
        return true;
}

/* Without control bytes. Eight-bit text (Latin, Shift_JIS, EUC) passes when there is enough of it: of random bytes one
 * in nine is a control byte. */
static bool is_text(const uint8_t *p, uint32_t len)
{
        if (has(p, len, 0, "\xff\xfe", 2) || has(p, len, 0, "\xfe\xff", 2))
                return len >= 4;
        for (uint32_t i = 0; i < len; i++)
                if (p[i] == 0x7f || (p[i] < ' ' && !memchr("\t\n\r\f\x1b", p[i], 5)))
                        return false;
        return len > 0 && (is_utf8(p, len) || len >= 48);
}

enum file_kind magic_kind(const uint8_t *data, uint32_t len)
{
        enum file_kind kind = cafebabe(data, len);

        if (kind != FILE_UNKNOWN)
                return kind;
        if (is_pe(data, len))
                return FILE_PE;
        if (has(data, len, 0, "PK\3\4", 4))
                return zip_kind(data, len);
        for (size_t i = 0; i < ELEMENTSOF(marks); i++)
                if (has(data, len, marks[i].at, marks[i].bytes, marks[i].len))
                        return (enum file_kind) marks[i].kind;
        if (has(data, len, 257, "ustar", 5))
                return FILE_ARCHIVE;
        if (has(data, len, 0, "BM", 2) && has(data, len, 6, "\0\0\0\0", 4))
                return FILE_IMAGE;
        if (is_script(data, len))
                return FILE_SCRIPT;
        return is_text(data, len) ? FILE_TEXT : FILE_UNKNOWN;
}

bool magic_is_program(enum file_kind kind)
{
        return kind == FILE_PE || kind == FILE_ELF || kind == FILE_MACHO || kind == FILE_DEX || kind == FILE_JAR ||
               kind == FILE_SCRIPT;
}

struct promise {
        const char *word;
        uint8_t kind;
};

/* Not here, since they promise nothing: .com (most often the end of a host's name), .bin, .dat, .php, .cgi, .pl. */
static const struct promise extensions[] = {
        {"exe", FILE_PE},       {"dll", FILE_PE},        {"scr", FILE_PE},        {"pif", FILE_PE},
        {"cpl", FILE_PE},       {"ocx", FILE_PE},        {"sys", FILE_PE},        {"elf", FILE_ELF},
        {"so", FILE_ELF},       {"ko", FILE_ELF},        {"dylib", FILE_MACHO},   {"dex", FILE_DEX},
        {"jar", FILE_JAR},      {"apk", FILE_JAR},       {"class", FILE_JAR},     {"war", FILE_JAR},
        {"sh", FILE_SCRIPT},    {"bash", FILE_SCRIPT},   {"py", FILE_SCRIPT},     {"ps1", FILE_SCRIPT},
        {"vbs", FILE_SCRIPT},   {"vbe", FILE_SCRIPT},    {"bat", FILE_SCRIPT},    {"cmd", FILE_SCRIPT},
        {"wsf", FILE_SCRIPT},   {"zip", FILE_ARCHIVE},   {"gz", FILE_ARCHIVE},    {"tgz", FILE_ARCHIVE},
        {"bz2", FILE_ARCHIVE},  {"xz", FILE_ARCHIVE},    {"rar", FILE_ARCHIVE},   {"7z", FILE_ARCHIVE},
        {"cab", FILE_ARCHIVE},  {"tar", FILE_ARCHIVE},   {"deb", FILE_ARCHIVE},   {"rpm", FILE_ARCHIVE},
        {"zst", FILE_ARCHIVE},  {"pdf", FILE_DOCUMENT},  {"doc", FILE_DOCUMENT},  {"xls", FILE_DOCUMENT},
        {"ppt", FILE_DOCUMENT}, {"docx", FILE_DOCUMENT}, {"xlsx", FILE_DOCUMENT}, {"pptx", FILE_DOCUMENT},
        {"rtf", FILE_DOCUMENT}, {"odt", FILE_DOCUMENT},  {"ps", FILE_DOCUMENT},   {"gif", FILE_IMAGE},
        {"jpg", FILE_IMAGE},    {"jpeg", FILE_IMAGE},    {"png", FILE_IMAGE},     {"bmp", FILE_IMAGE},
        {"ico", FILE_IMAGE},    {"webp", FILE_IMAGE},    {"tif", FILE_IMAGE},     {"tiff", FILE_IMAGE},
        {"avif", FILE_IMAGE},   {"txt", FILE_TEXT},      {"htm", FILE_TEXT},      {"html", FILE_TEXT},
        {"css", FILE_TEXT},     {"js", FILE_TEXT},       {"json", FILE_TEXT},     {"xml", FILE_TEXT},
        {"csv", FILE_TEXT},     {"svg", FILE_TEXT},      {"mp3", FILE_MEDIA},     {"mp4", FILE_MEDIA},
        {"m4a", FILE_MEDIA},    {"m4v", FILE_MEDIA},     {"avi", FILE_MEDIA},     {"mkv", FILE_MEDIA},
        {"webm", FILE_MEDIA},   {"wav", FILE_MEDIA},     {"ogg", FILE_MEDIA},     {"flv", FILE_MEDIA},
        {"wmv", FILE_MEDIA},    {"wma", FILE_MEDIA},     {"swf", FILE_MEDIA},     {"mov", FILE_MEDIA},
};

/* Whole types, then beginnings (those that end in a slash or a dot). */
static const struct promise types[] = {
        {"application/x-msdownload", FILE_PE},
        {"application/x-dosexec", FILE_PE},
        {"application/x-msdos-program", FILE_PE},
        {"application/x-ms-dos-executable", FILE_PE},
        {"application/vnd.microsoft.portable-executable", FILE_PE},
        {"application/exe", FILE_PE},
        {"application/x-exe", FILE_PE},
        {"application/x-executable", FILE_ELF},
        {"application/x-elf", FILE_ELF},
        {"application/x-pie-executable", FILE_ELF},
        {"application/x-sharedlib", FILE_ELF},
        {"application/x-mach-binary", FILE_MACHO},
        {"application/java-archive", FILE_JAR},
        {"application/x-java-archive", FILE_JAR},
        {"application/java-vm", FILE_JAR},
        {"application/vnd.android.package-archive", FILE_JAR},
        {"application/x-sh", FILE_SCRIPT},
        {"application/x-shellscript", FILE_SCRIPT},
        {"application/x-bat", FILE_SCRIPT},
        {"text/x-sh", FILE_SCRIPT},
        {"text/x-shellscript", FILE_SCRIPT},
        {"text/x-python", FILE_SCRIPT},
        {"text/x-perl", FILE_SCRIPT},
        {"text/vbscript", FILE_SCRIPT},
        {"application/zip", FILE_ARCHIVE},
        {"application/x-zip-compressed", FILE_ARCHIVE},
        {"application/gzip", FILE_ARCHIVE},
        {"application/x-gzip", FILE_ARCHIVE},
        {"application/x-bzip2", FILE_ARCHIVE},
        {"application/x-xz", FILE_ARCHIVE},
        {"application/x-tar", FILE_ARCHIVE},
        {"application/x-rar-compressed", FILE_ARCHIVE},
        {"application/vnd.rar", FILE_ARCHIVE},
        {"application/x-7z-compressed", FILE_ARCHIVE},
        {"application/vnd.ms-cab-compressed", FILE_ARCHIVE},
        {"application/vnd.debian.binary-package", FILE_ARCHIVE},
        {"application/pdf", FILE_DOCUMENT},
        {"application/msword", FILE_DOCUMENT},
        {"application/rtf", FILE_DOCUMENT},
        {"application/postscript", FILE_DOCUMENT},
        {"application/vnd.ms-excel", FILE_DOCUMENT},
        {"application/vnd.ms-powerpoint", FILE_DOCUMENT},
        {"application/json", FILE_TEXT},
        {"application/xml", FILE_TEXT},
        {"application/javascript", FILE_TEXT},
        {"application/x-javascript", FILE_TEXT},
        {"application/xhtml+xml", FILE_TEXT},
        {"image/svg+xml", FILE_TEXT},
        {"application/x-shockwave-flash", FILE_MEDIA},
        {"application/vnd.openxmlformats-officedocument.", FILE_DOCUMENT},
        {"application/vnd.oasis.opendocument.", FILE_DOCUMENT},
        {"text/", FILE_TEXT},
        {"image/", FILE_IMAGE},
        {"audio/", FILE_MEDIA},
        {"video/", FILE_MEDIA},
};

enum file_kind magic_promised_by_name(struct slice name)
{
        uint32_t end = 0, dot;

        while (end < name.len && !memchr("?#;", name.p[end], 3))
                end++;
        dot = end;
        while (dot > 0 && end - dot < 8 && name.p[dot - 1] != '.' && name.p[dot - 1] != '/')
                dot--;
        if (dot == 0 || name.p[dot - 1] != '.')
                return FILE_UNKNOWN;
        for (size_t i = 0; i < ELEMENTSOF(extensions); i++)
                if (strlen(extensions[i].word) == end - dot &&
                    strncasecmp(name.p + dot, extensions[i].word, end - dot) == 0)
                        return (enum file_kind) extensions[i].kind;
        return FILE_UNKNOWN;
}

enum file_kind magic_promised_by_type(struct slice type)
{
        uint32_t len = 0;

        while (len < type.len && !memchr("; \t,", type.p[len], 4))
                len++;
        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                const char *word = types[i].word;
                size_t n = strlen(word);
                bool begin = word[n - 1] == '/' || word[n - 1] == '.';

                if ((begin ? len > n : len == n) && strncasecmp(type.p, word, n) == 0)
                        return (enum file_kind) types[i].kind;
        }
        return FILE_UNKNOWN;
}
