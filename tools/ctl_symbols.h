/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kpprofctl symbols: names from a tree of unstripped files, on a machine that is not the box. */
#ifndef KPPROF_CTL_SYMBOLS_H
#define KPPROF_CTL_SYMBOLS_H

/**
 * ctl_symbols() - put names into a profile
 * @profile: file; what its stripped programs are called in it is replaced
 * @tree: directory with unstripped programs, libraries or debug files, whatever their names: the
 *	build ID decides
 * @output: file to write
 * @path: directory in which a link BUILDID/NAME to each file is made, as google/pprof looks for
 *	them in PPROF_BINARY_PATH; NULL for none
 *
 * What was found for each mapping is printed. Return: 0; -errno, and why was printed.
 */
int ctl_symbols(const char *profile, const char *tree, const char *output, const char *path);

#endif /* KPPROF_CTL_SYMBOLS_H */
