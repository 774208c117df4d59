# SPDX-License-Identifier: GPL-2.0-or-later
SUMMARY = "kernel module of kpprof"
LICENSE = "GPL-2.0-only"
LIC_FILES_CHKSUM = "file://COPYING;md5=84bc28e2e9ec0d134244f8fa65dcf53b"
COMPATIBLE_HOST = "x86_64.*-linux"

inherit module

do_unpack[depends] += "virtual/kernel:do_shared_workdir"
S = "${WORKDIR}/kpprof"

python do_unpack() {
    import shutil
    for name in ("kmod", "uapi", "Kbuild", "COPYING"):
        source = os.path.join(d.getVar("KPPROF_SOURCE"), name)
        target = os.path.join(d.getVar("S"), name)
        if os.path.isdir(source):
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copy(source, target)
}

EXTRA_OEMAKE = "-C ${STAGING_KERNEL_DIR} M=${S}"
MODULES_INSTALL_TARGET = "modules_install"
