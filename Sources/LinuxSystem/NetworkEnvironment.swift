internal import Glibc

/// The environment of a tool that uses the network: no locale, and of the caller's only the proxies.
public var networkEnvironment: [String: String] {
    var environment = ["PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"]
    for name in ["http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"] {
        if let value = getenv(name) { environment[name] = String(cString: value) }
    }
    return environment
}
