/// What podman 4.3.1 says of containers and images that its commands made, less what is empty or the machine's own.
enum InspectOutput {
    static let web = #"""
        [ { "Id": "f10dc7cd929e91978f871c98ffff6ae7fac066e8bdda51d92f6f34bc927697b9", "Path": "/bin/true",
        "Args": [ "a b$" ], "State": { "Status": "created", "Running": false, "Paused": false,
        "Restarting": false, "OOMKilled": false, "Dead": false },
        "Image": "1b1a04b4e75d95a7f614c842f8ce51b8c5ed0ef2af714947032801bc12386961",
        "ImageDigest": "sha256:8e094234973e3d7ffcd99e760511260f83da8609ee4b67226ad7b6f23e039145",
        "ImageName": "registry.example/team/web:1", "OCIRuntime": "crun", "Name": "web", "Driver": "vfs",
        "EffectiveCaps": [ "CAP_NET_ADMIN" ], "BoundingCaps": [ "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID",
        "CAP_KILL", "CAP_NET_ADMIN", "CAP_NET_BIND_SERVICE", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP",
        "CAP_SETUID", "CAP_SYS_CHROOT" ], "Mounts": [ { "Type": "volume", "Name": "data",
        "Source": "/var/lib/containers/storage/volumes/data/_data", "Destination": "/data", "Driver": "local",
        "Options": [ "nosuid", "nodev", "rbind" ], "RW": true, "Propagation": "rprivate" }, { "Type": "bind",
        "Source": "/etc", "Destination": "/host", "Options": [ "rbind" ], "RW": false, "Propagation": "rprivate"
        } ], "NetworkSettings": { "HairpinMode": false, "Ports": { "53/udp": [ { "HostPort": "53" } ],
        "80/tcp": [ { "HostIp": "127.0.0.1", "HostPort": "8080" } ] }, "Networks": { "podman": {
        "NetworkID": "podman", "Aliases": [ "f10dc7cd929e" ] } } }, "IsInfra": false, "IsService": false,
        "Config": { "Hostname": "f10dc7cd929e", "User": "1000", "AttachStdin": false, "AttachStdout": false,
        "AttachStderr": false, "Tty": false, "OpenStdin": false, "StdinOnce": false, "Env": [ "A=1", "B=2",
        "DB_PASSWORD=abc123xyz", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "TERM=xterm", "container=podman" ], "Cmd": [ "/bin/true", "a b$" ],
        "Image": "registry.example/team/web:1", "WorkingDir": "/tmp", "Labels": { "a": "b", "x": "y" },
        "StopSignal": 15, "HealthcheckOnFailureAction": "none", "CreateCommand": [ "podman", "--root",
        "/var/lib/containers/storage", "--runroot", "/run/containers/storage", "--storage-driver", "vfs",
        "--cgroup-manager", "cgroupfs", "create", "--name", "web", "-p", "127.0.0.1:8080:80", "-p", "53:53/udp",
        "-v", "data:/data", "-v", "/etc:/host:ro", "-e", "B=2", "-e", "DB_PASSWORD=abc123xyz", "--user", "1000",
        "-w", "/tmp", "--label", "a=b", "--cap-drop", "CHOWN", "--cap-add", "NET_ADMIN", "--restart", "always",
        "--read-only", "--memory", "64m", "registry.example/team/web:1", "/bin/true", "a b$" ], "Umask": "0022",
        "StopTimeout": 10, "Passwd": true, "sdNotifyMode": "container" }, "HostConfig": { "Binds": [
        "data:/data:rw,rprivate,nosuid,nodev,rbind", "/etc:/host:ro,rprivate,rbind" ],
        "CgroupManager": "cgroupfs", "CgroupMode": "host", "NetworkMode": "bridge", "PortBindings": {
        "53/udp": [ { "HostPort": "53" } ], "80/tcp": [ { "HostIp": "127.0.0.1", "HostPort": "8080" } ] },
        "RestartPolicy": { "Name": "always" }, "AutoRemove": false, "CapAdd": [ "CAP_NET_ADMIN" ], "CapDrop": [
        "CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_MKNOD", "CAP_NET_RAW" ], "IpcMode": "shareable",
        "Cgroups": "default", "PidMode": "private", "Privileged": false, "PublishAllPorts": false,
        "ReadonlyRootfs": true, "Tmpfs": { "/run": "rw,rprivate,nosuid,nodev,tmpcopyup",
        "/tmp": "rw,rprivate,nosuid,nodev,tmpcopyup", "/var/tmp": "rw,rprivate,nosuid,nodev,tmpcopyup" },
        "UTSMode": "private", "ShmSize": 65536000, "Runtime": "oci", "ConsoleSize": [ 0, 0 ],
        "Memory": 67108864, "MemorySwap": 134217728, "MemorySwappiness": -1, "OomKillDisable": false,
        "PidsLimit": 2048, "Ulimits": [ { "Name": "RLIMIT_NOFILE", "Soft": 1048576, "Hard": 1048576 }, {
        "Name": "RLIMIT_NPROC", "Soft": 32768, "Hard": 32768 } ] } } ]
        """#

    static let entry = #"""
        [ { "Id": "ac177f4d87c6562021ea19fc34c20793b031d45230f8e0b93198a6d0bb6ec553", "Path": "/bin/foo",
        "Args": [ "a", "b c" ], "State": { "Status": "created", "Running": false, "Paused": false,
        "Restarting": false, "OOMKilled": false, "Dead": false },
        "Image": "e7a4c960e4fbb52278aaefc35acff36e21fa257818ab4b6fc798d81ee9fd555e",
        "ImageDigest": "sha256:225951b03f84ab7158da7aeeaa6f587effc07b954942b467c6cce22b984daea9",
        "ImageName": "registry.example/team/t:1", "OCIRuntime": "crun", "Name": "ep", "Driver": "vfs",
        "BoundingCaps": [ "CAP_AUDIT_CONTROL", "CAP_AUDIT_READ", "CAP_AUDIT_WRITE", "CAP_BLOCK_SUSPEND",
        "CAP_BPF", "CAP_CHECKPOINT_RESTORE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH",
        "CAP_FOWNER", "CAP_FSETID", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_KILL", "CAP_LEASE",
        "CAP_LINUX_IMMUTABLE", "CAP_MAC_ADMIN", "CAP_MAC_OVERRIDE", "CAP_MKNOD", "CAP_NET_ADMIN",
        "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_RAW", "CAP_PERFMON", "CAP_SETFCAP", "CAP_SETGID",
        "CAP_SETPCAP", "CAP_SETUID", "CAP_SYSLOG", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_CHROOT",
        "CAP_SYS_MODULE", "CAP_SYS_NICE", "CAP_SYS_PACCT", "CAP_SYS_PTRACE", "CAP_SYS_RAWIO", "CAP_SYS_TIME",
        "CAP_SYS_TTY_CONFIG", "CAP_WAKE_ALARM" ], "NetworkSettings": { "HairpinMode": false }, "IsInfra": false,
        "IsService": false, "Config": { "Hostname": "h1", "User": "7", "AttachStdin": false,
        "AttachStdout": false, "AttachStderr": false, "Tty": false, "OpenStdin": false, "StdinOnce": false,
        "Env": [ "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm",
        "container=podman", "A=1", "HOSTNAME=h1" ], "Cmd": [ "a", "b c" ], "Image": "registry.example/team/t:1",
        "WorkingDir": "/srv", "Entrypoint": "/bin/foo", "Labels": { "x": "y" }, "StopSignal": 15,
        "HealthcheckOnFailureAction": "none", "CreateCommand": [ "podman", "--root",
        "/var/lib/containers/storage", "--runroot", "/run/containers/storage", "--storage-driver", "vfs",
        "--cgroup-manager", "cgroupfs", "create", "--name", "ep", "--entrypoint", "/bin/foo", "--hostname",
        "h1", "--network", "host", "--restart", "on-failure:3", "--cpus", "0.5", "--pids-limit", "7",
        "--privileged", "registry.example/team/t:1", "a", "b c" ], "Umask": "0022", "StopTimeout": 10,
        "Passwd": true, "sdNotifyMode": "container" }, "HostConfig": { "CgroupManager": "cgroupfs",
        "CgroupMode": "host", "NetworkMode": "host", "RestartPolicy": { "Name": "on-failure",
        "MaximumRetryCount": 3 }, "AutoRemove": false, "CapDrop": [ "CAP_SYS_RESOURCE" ],
        "IpcMode": "shareable", "Cgroups": "default", "PidMode": "private", "Privileged": true,
        "PublishAllPorts": false, "ReadonlyRootfs": false, "UTSMode": "private", "ShmSize": 65536000,
        "Runtime": "oci", "ConsoleSize": [ 0, 0 ], "NanoCpus": 500000000, "CpuPeriod": 100000,
        "CpuQuota": 50000, "OomKillDisable": false, "PidsLimit": 7, "Ulimits": [ { "Name": "RLIMIT_NOFILE",
        "Soft": 1048576, "Hard": 1048576 }, { "Name": "RLIMIT_NPROC", "Soft": 32768, "Hard": 32768 } ] } } ]
        """#

    static let served = #"""
        [ { "Id": "6ad2d921ace1eee10069d0cd18e3f0a321dfe29038a719484faffa9f0d3c449d", "Path": "/bin/sh",
        "Args": [ "-c", "-x" ], "State": { "Status": "created", "Running": false, "Paused": false,
        "Restarting": false, "OOMKilled": false, "Dead": false },
        "Image": "e7a4c960e4fbb52278aaefc35acff36e21fa257818ab4b6fc798d81ee9fd555e",
        "ImageDigest": "sha256:225951b03f84ab7158da7aeeaa6f587effc07b954942b467c6cce22b984daea9",
        "ImageName": "registry.example/team/t:1", "OCIRuntime": "crun", "Name": "svc", "Driver": "vfs",
        "EffectiveCaps": null,
        "BoundingCaps": [ "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
        "CAP_NET_BIND_SERVICE", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT" ],
        "NetworkSettings": { "HairpinMode": false }, "IsInfra": false, "IsService": false, "Config": {
        "Hostname": "6ad2d921ace1", "User": "7", "AttachStdin": false, "AttachStdout": false,
        "AttachStderr": false, "Tty": false, "OpenStdin": false, "StdinOnce": false, "Env": [ "A=1", "L=1",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm", "container=podman" ],
        "Cmd": [ "-x" ], "Image": "registry.example/team/t:1", "WorkingDir": "/srv", "Entrypoint": "/bin/sh -c",
        "Labels": { "x": "y" }, "StopSignal": 15, "HealthcheckOnFailureAction": "none", "CreateCommand": [
        "podman", "--root", "/var/lib/containers/storage", "--runroot", "/run/containers/storage",
        "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "create", "--name", "svc", "-e", "L=1", "-p",
        "80:80", "--network", "none", "registry.example/team/t:1", "-x" ], "Umask": "0022", "StopTimeout": 10,
        "Passwd": true, "sdNotifyMode": "container" }, "HostConfig": { "CgroupManager": "cgroupfs",
        "CgroupMode": "host", "NetworkMode": "none", "AutoRemove": false, "CapDrop": [ "CAP_AUDIT_WRITE",
        "CAP_MKNOD", "CAP_NET_RAW" ], "IpcMode": "shareable", "Cgroups": "default", "PidMode": "private",
        "Privileged": false, "PublishAllPorts": false, "ReadonlyRootfs": false, "UTSMode": "private",
        "ShmSize": 65536000, "Runtime": "oci", "ConsoleSize": [ 0, 0 ], "OomKillDisable": false,
        "PidsLimit": 2048, "Ulimits": [ { "Name": "RLIMIT_NOFILE", "Soft": 1048576, "Hard": 1048576 }, {
        "Name": "RLIMIT_NPROC", "Soft": 32768, "Hard": 32768 } ] } } ]
        """#

    static let plain = #"""
        [ { "Id": "7e1eeb38c190b860eecb223d70529cb2a4ad4da202ef66b0d305bf743365bf7d", "Path": "/bin/sh",
        "Args": [ "-c", "/bin/true" ], "State": { "Status": "created", "Running": false, "Paused": false,
        "Restarting": false, "OOMKilled": false, "Dead": false },
        "Image": "e7a4c960e4fbb52278aaefc35acff36e21fa257818ab4b6fc798d81ee9fd555e",
        "ImageDigest": "sha256:225951b03f84ab7158da7aeeaa6f587effc07b954942b467c6cce22b984daea9",
        "ImageName": "registry.example/team/t:1", "OCIRuntime": "crun", "Name": "plain", "Driver": "vfs",
        "EffectiveCaps": null,
        "BoundingCaps": [ "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
        "CAP_NET_BIND_SERVICE", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT" ],
        "NetworkSettings": { "HairpinMode": false, "Networks": { "podman": { "NetworkID": "podman", "Aliases": [
        "7e1eeb38c190" ] } } }, "IsInfra": false, "IsService": false, "Config": { "Hostname": "7e1eeb38c190",
        "User": "7", "AttachStdin": false, "AttachStdout": false, "AttachStderr": false, "Tty": false,
        "OpenStdin": false, "StdinOnce": false, "Env": [ "A=1",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm", "container=podman" ],
        "Cmd": [ "/bin/true" ], "Image": "registry.example/team/t:1", "WorkingDir": "/srv",
        "Entrypoint": "/bin/sh -c", "Labels": { "x": "y" }, "StopSignal": 15,
        "HealthcheckOnFailureAction": "none", "CreateCommand": [ "podman", "--root",
        "/var/lib/containers/storage", "--runroot", "/run/containers/storage", "--storage-driver", "vfs",
        "--cgroup-manager", "cgroupfs", "create", "--name", "plain", "registry.example/team/t:1" ],
        "Umask": "0022", "StopTimeout": 10, "Passwd": true, "sdNotifyMode": "container" }, "HostConfig": {
        "CgroupManager": "cgroupfs", "CgroupMode": "host", "NetworkMode": "bridge", "AutoRemove": false,
        "CapDrop": [ "CAP_AUDIT_WRITE", "CAP_MKNOD", "CAP_NET_RAW" ], "IpcMode": "shareable",
        "Cgroups": "default", "PidMode": "private", "Privileged": false, "PublishAllPorts": false,
        "ReadonlyRootfs": false, "UTSMode": "private", "ShmSize": 65536000, "Runtime": "oci", "ConsoleSize": [
        0, 0 ], "OomKillDisable": false, "PidsLimit": 2048, "Ulimits": [ { "Name": "RLIMIT_NOFILE",
        "Soft": 1048576, "Hard": 1048576 }, { "Name": "RLIMIT_NPROC", "Soft": 32768, "Hard": 32768 } ] } } ]
        """#

    static let webImage = #"""
        [ { "Id": "1b1a04b4e75d95a7f614c842f8ce51b8c5ed0ef2af714947032801bc12386961",
        "Digest": "sha256:8e094234973e3d7ffcd99e760511260f83da8609ee4b67226ad7b6f23e039145", "RepoTags": [
        "localhost/t:1", "registry.example/team/web:1" ], "RepoDigests": [
        "localhost/t@sha256:8e094234973e3d7ffcd99e760511260f83da8609ee4b67226ad7b6f23e039145",
        "registry.example/team/web@sha256:8e094234973e3d7ffcd99e760511260f83da8609ee4b67226ad7b6f23e039145" ],
        "Comment": "imported from tarball", "Config": { "Env": [ "A=1" ], "Cmd": [ "/bin/true" ],
        "WorkingDir": "/srv", "Labels": { "x": "y" } }, "Architecture": "amd64", "Os": "linux", "Size": 42123,
        "VirtualSize": 42123, "Labels": { "x": "y" },
        "ManifestType": "application/vnd.oci.image.manifest.v1+json", "NamesHistory": [
        "registry.example/team/web:1", "localhost/t:1" ] } ]
        """#

    static let team = #"""
        [ { "Id": "e7a4c960e4fbb52278aaefc35acff36e21fa257818ab4b6fc798d81ee9fd555e",
        "Digest": "sha256:225951b03f84ab7158da7aeeaa6f587effc07b954942b467c6cce22b984daea9", "RepoTags": [
        "registry.example/team/t:1" ], "RepoDigests": [
        "registry.example/team/t@sha256:225951b03f84ab7158da7aeeaa6f587effc07b954942b467c6cce22b984daea9" ],
        "Comment": "imported from tarball", "Config": { "User": "7", "Env": [ "A=1" ], "Entrypoint": [
        "/bin/sh", "-c" ], "Cmd": [ "/bin/true" ], "WorkingDir": "/srv", "Labels": { "x": "y" } },
        "Architecture": "amd64", "Os": "linux", "Size": 42164, "VirtualSize": 42164, "Labels": { "x": "y" },
        "ManifestType": "application/vnd.oci.image.manifest.v1+json", "User": "7", "NamesHistory": [
        "registry.example/team/t:1" ] } ]
        """#
}
