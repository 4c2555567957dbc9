/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files by content, name and type: each kind once, and what looks like a program and is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "base/cleanup.h"
#include "decode/magic.h"

/* Looks at a copy of exactly the size, so that a sanitizer sees a read behind its end. */
static enum file_kind kind_of(const void *data, size_t len)
{
        _cleanup_free_ uint8_t *copy = malloc(len ? len : 1);

        assert_non_null(copy);
        memcpy(copy, data, len);
        return magic_kind(copy, (uint32_t) len);
}
#define KIND(text) kind_of(text, sizeof(text) - 1)

static void test_kinds(void **state)
{
        (void) state;
        assert_int_equal(KIND("\x7f"
                              "ELF\2\1\1"),
                         FILE_ELF);
        assert_int_equal(KIND("\xcf\xfa\xed\xfe"), FILE_MACHO);
        assert_int_equal(KIND("\xca\xfe\xba\xbe\0\0\0\2"), FILE_MACHO);
        assert_int_equal(KIND("\xca\xfe\xba\xbe\0\0\0\x34"), FILE_JAR); /* a Java class */
        assert_int_equal(KIND("dex\n035\0"), FILE_DEX);
        assert_int_equal(KIND("\x1f\x8b\x08\0"), FILE_ARCHIVE);
        assert_int_equal(KIND("Rar!\x1a\x07\0"), FILE_ARCHIVE);
        assert_int_equal(KIND("%PDF-1.4"), FILE_DOCUMENT);
        assert_int_equal(KIND("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), FILE_DOCUMENT);
        assert_int_equal(KIND("\x89PNG\r\n\x1a\n"), FILE_IMAGE);
        assert_int_equal(KIND("GIF89a"), FILE_IMAGE);
        assert_int_equal(KIND("RIFF\0\0\0\0WEBPVP8 "), FILE_IMAGE);
        assert_int_equal(KIND("\0\0\0\x20"
                              "ftypisom"),
                         FILE_MEDIA);
        assert_int_equal(KIND("<!DOCTYPE html>\n<html>"), FILE_TEXT);
        assert_int_equal(KIND("\xe3\x81\x93\xe3\x82\x8c"), FILE_TEXT);
        assert_int_equal(KIND("\xe3\x81\x93\xe3"), FILE_TEXT); /* cut within a character */
        assert_int_equal(KIND("\x93\xfa\x96"), FILE_UNKNOWN);
        assert_int_equal(KIND("a\0b"), FILE_UNKNOWN);
        assert_int_equal(kind_of("", 0), FILE_UNKNOWN);
}

static void test_pe(void **state)
{
        uint8_t pe[256] = "MZ\x90\0\3\0\0\0";

        (void) state;
        pe[60] = 0x80;
        memcpy(pe + 0x80, "PE\0\0", 4);
        assert_int_equal(kind_of(pe, 64), FILE_PE);
        assert_int_equal(kind_of(pe, 256), FILE_PE);
        assert_int_equal(kind_of(pe, 4), FILE_PE);
        assert_int_equal(kind_of(pe, 2), FILE_PE);
        pe[0x80] = 'X'; /* the next header is none */
        assert_int_equal(kind_of(pe, 256), FILE_UNKNOWN);
        assert_int_equal(kind_of(pe, 130), FILE_PE); /* not to be seen */
        memset(pe + 60, 0xff, 4);
        assert_int_equal(kind_of(pe, 256), FILE_UNKNOWN);
        assert_int_equal(KIND("MZ is how a DOS program begins, says this line of more than sixty-four letters."),
                         FILE_TEXT);
        assert_int_equal(KIND("MZ, short\r\nof two lines\n"), FILE_TEXT);
        assert_int_equal(KIND("MZ begins this text as well, and its line ends at byte sixty-th\nree."), FILE_TEXT);
}

static void test_scripts(void **state)
{
        (void) state;
        assert_int_equal(KIND("#!/bin/sh\n"), FILE_SCRIPT);
        assert_int_equal(KIND("\xef\xbb\xbf#!/usr/bin/perl"), FILE_SCRIPT);
        assert_int_equal(KIND("@ECHO OFF\r\n"), FILE_SCRIPT);
        assert_int_equal(KIND("powershell -nop -w hidden"), FILE_SCRIPT);
        assert_int_equal(KIND("IEX (New-Object Net.WebClient)"), FILE_SCRIPT);
        assert_int_equal(KIND("Set sh = CreateObject(\"WScript.Shell\")"), FILE_SCRIPT);
        assert_int_equal(KIND("<?php echo 1;"), FILE_SCRIPT);
        assert_int_equal(KIND("<?xml version=\"1.0\"?>"), FILE_TEXT);
        assert_int_equal(KIND("#! hello"), FILE_SCRIPT);
        assert_int_equal(KIND("#!"), FILE_TEXT);
        assert_int_equal(KIND("Set the table"), FILE_TEXT);
        assert_int_equal(KIND("function f() {}"), FILE_TEXT);
        assert_true(magic_is_program(FILE_SCRIPT));
        assert_true(magic_is_program(FILE_JAR));
        assert_false(magic_is_program(FILE_ARCHIVE));
}

/* A zip with a first file of that name. */
static enum file_kind zip_of(const char *name)
{
        uint8_t zip[64] = "PK\3\4\x14\0";

        memcpy(zip + 30, name, strlen(name));
        return kind_of(zip, 30 + strlen(name));
}

static void test_zips(void **state)
{
        (void) state;
        assert_int_equal(zip_of("a.txt"), FILE_ARCHIVE);
        assert_int_equal(zip_of("META-INF/MANIFEST.MF"), FILE_JAR);
        assert_int_equal(zip_of("classes.dex"), FILE_JAR);
        assert_int_equal(zip_of("[Content_Types].xml"), FILE_DOCUMENT);
        assert_int_equal(zip_of("META"), FILE_ARCHIVE);
}

/* Every beginning of every mark, and bytes of all values: nothing is read behind the end. */
static void test_cut(void **state)
{
        uint8_t data[320];

        (void) state;
        for (unsigned b = 0; b < 256; b++)
                for (size_t len = 0; len < sizeof(data); len += 1 + len / 8) {
                        memset(data, (int) b, sizeof(data));
                        assert_true(kind_of(data, len) < FILE_KINDS);
                }
}

#define NAME(text) magic_promised_by_name((struct slice){text, sizeof(text) - 1})
#define TYPE(text) magic_promised_by_type((struct slice){text, sizeof(text) - 1})

static void test_promises(void **state)
{
        (void) state;
        assert_int_equal(NAME("/images/logo.GIF?size=3.exe"), FILE_IMAGE);
        assert_int_equal(NAME("/a/b.exe#x"), FILE_PE);
        assert_int_equal(NAME("setup.exe"), FILE_PE);
        assert_int_equal(NAME("/x/bot.sh"), FILE_SCRIPT);
        assert_int_equal(NAME("/visit/www.example.com"), FILE_UNKNOWN);
        assert_int_equal(NAME("/exe"), FILE_UNKNOWN);
        assert_int_equal(NAME("/v1.2/get"), FILE_UNKNOWN);
        assert_int_equal(NAME("exe"), FILE_UNKNOWN);
        assert_int_equal(NAME("."), FILE_UNKNOWN);
        assert_int_equal(NAME("/."), FILE_UNKNOWN);
        assert_int_equal(NAME(""), FILE_UNKNOWN);
        assert_int_equal(NAME("/.exe"), FILE_PE);
        assert_int_equal(TYPE("image/gif"), FILE_IMAGE);
        assert_int_equal(TYPE("Text/HTML; charset=utf-8"), FILE_TEXT);
        assert_int_equal(TYPE("text/x-sh"), FILE_SCRIPT);
        assert_int_equal(TYPE("application/x-msdownload"), FILE_PE);
        assert_int_equal(TYPE("application/octet-stream"), FILE_UNKNOWN);
        assert_int_equal(TYPE("application/vnd.oasis.opendocument.text"), FILE_DOCUMENT);
        assert_int_equal(TYPE("image/"), FILE_UNKNOWN);
        assert_int_equal(TYPE("image"), FILE_UNKNOWN);
        assert_int_equal(magic_promised_by_type((struct slice){0}), FILE_UNKNOWN);
        assert_int_equal(magic_promised_by_name((struct slice){0}), FILE_UNKNOWN);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_kinds), cmocka_unit_test(test_pe),  cmocka_unit_test(test_scripts),
                cmocka_unit_test(test_zips),  cmocka_unit_test(test_cut), cmocka_unit_test(test_promises),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
