import Testing
import Verifier
