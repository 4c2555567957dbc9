/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Aligned tables of text. Runs in the command line. */
#include <errno.h>

#include "view/text.h"

struct row {
        char *cells[TEXT_TABLE_COLUMNS];
        enum text_style style;
};

struct text_table {
        const char *const *heads;
        unsigned n_columns, n_rows, size;
        uint64_t left_out;
        struct row *rows;
};

int text_table_new(const char *const *heads, unsigned n_columns, struct text_table **ret)
{
        struct text_table *t;

        if (n_columns == 0 || n_columns > TEXT_TABLE_COLUMNS)
                return -EINVAL;
        t = calloc(1, sizeof(*t));
        if (!t)
                return -ENOMEM;
        t->heads = heads;
        t->n_columns = n_columns;
        *ret = t;
        return 0;
}

void text_table_free(struct text_table *t)
{
        if (!t)
                return;
        for (unsigned i = 0; i < t->n_rows; i++)
                for (unsigned c = 0; c < t->n_columns; c++)
                        free(t->rows[i].cells[c]);
        free(t->rows);
        free(t);
}

static int copy_cell(const char *s, char **ret)
{
        _cleanup_(buf_done)
        struct buf b = BUF_HEAP(4096);

        if (buf_put_visible(&b, s, strlen(s)) == -ENOMEM)
                return -ENOMEM;
        *ret = strdup(buf_str(&b));
        return *ret ? 0 : -ENOMEM;
}

int text_table_add(struct text_table *t, enum text_style style, const char *const *cells)
{
        struct row *row;

        if (t->n_rows == TEXT_TABLE_ROWS) {
                t->left_out++;
                return 0;
        }
        if (t->n_rows == t->size) {
                unsigned size = t->size ? t->size * 2 : 16;
                struct row *rows = reallocarray(t->rows, size, sizeof(*rows));

                if (!rows)
                        return -ENOMEM;
                t->rows = rows;
                t->size = size;
        }
        row = &t->rows[t->n_rows++];
        memset(row, 0, sizeof(*row));
        row->style = style;
        for (unsigned c = 0; c < t->n_columns; c++) {
                int r = copy_cell(cells[c], &row->cells[c]);

                if (r < 0)
                        return r;
        }
        return 0;
}

static void pad(struct buf *out, unsigned n)
{
        while (n--)
                buf_putc(out, ' ');
}

static const char *cell(const struct row *row, unsigned column)
{
        return row->cells[column] ? row->cells[column] : "";
}

void text_table_put(const struct text_table *t, struct buf *out, const struct text_look *look)
{
        unsigned widths[TEXT_TABLE_COLUMNS], last = t->n_columns - 1, before = 0;
        char indent[256];

        for (unsigned c = 0; c < t->n_columns; c++) {
                widths[c] = text_columns(t->heads[c]);
                for (unsigned i = 0; i < t->n_rows; i++)
                        widths[c] = MAX(widths[c], text_columns(cell(&t->rows[i], c)));
                if (c < last)
                        before += widths[c] + 2;
        }
        for (unsigned c = 0; c < t->n_columns; c++) {
                text_put(out, look, TEXT_DIM, t->heads[c]);
                if (c < last)
                        pad(out, widths[c] + 2 - text_columns(t->heads[c]));
        }
        buf_putc(out, '\n');
        for (unsigned i = 0; i < t->n_rows; i++) {
                const struct row *row = &t->rows[i];
                _cleanup_(buf_done)
                struct buf wrapped = BUF_HEAP(8192);

                for (unsigned c = 0; c < last; c++) {
                        text_put(out, look, c == 0 ? row->style : TEXT_PLAIN, cell(row, c));
                        pad(out, widths[c] + 2 - text_columns(cell(row, c)));
                }
                before = MIN(before, (unsigned) sizeof(indent) - 1);
                memset(indent, ' ', before);
                indent[before] = '\0';
                text_wrap(&wrapped, look, indent, cell(row, last));
                buf_puts(out, buf_str(&wrapped) + MIN((size_t) before, wrapped.len));
        }
        if (t->left_out)
                buf_printf(out, "and %llu more\n", (unsigned long long) t->left_out);
}
