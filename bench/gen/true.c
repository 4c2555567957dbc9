/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The smallest program: what the fork and exec loop runs. */
int main(void)
{
        return 0;
}
