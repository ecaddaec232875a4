import Glibc
import LinuxSystem
import Testing
