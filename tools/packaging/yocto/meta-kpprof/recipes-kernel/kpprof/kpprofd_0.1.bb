# SPDX-License-Identifier: GPL-2.0-or-later
SUMMARY = "pprof profiles of any native process, over HTTP"
LICENSE = "GPL-2.0-or-later"
LIC_FILES_CHKSUM = "file://COPYING;md5=84bc28e2e9ec0d134244f8fa65dcf53b"
DEPENDS = "libmicrohttpd elfutils xz zlib libmnl libcap-ng libseccomp binutils"
COMPATIBLE_HOST = "x86_64.*-linux"

inherit externalsrc pkgconfig systemd update-rc.d

EXTERNALSRC = "${KPPROF_SOURCE}"
B = "${WORKDIR}/build"

do_configure[noexec] = "1"

do_compile() {
    cp -r ${S}/agent ${S}/kmod ${S}/uapi ${S}/tools ${S}/docs ${S}/Makefile ${B}/
    oe_runmake -C ${B} all
}

do_install() {
    oe_runmake -C ${B} DESTDIR=${D} PREFIX=${prefix} SYSCONFDIR=${sysconfdir} install-bin install-conf
    install -D -m 0644 ${S}/tools/packaging/systemd/kpprofd.service ${D}${systemd_system_unitdir}/kpprofd.service
    install -D -m 0755 ${S}/tools/packaging/sysv/kpprofd ${D}${sysconfdir}/init.d/kpprofd
}

SYSTEMD_SERVICE:${PN} = "kpprofd.service"
INITSCRIPT_NAME = "kpprofd"
CONFFILES:${PN} = "${sysconfdir}/kpprof/kpprofd.conf"
