from sennit.engine.utf8 import Utf8Checker as Utf8Checker
from sennit.engine.utf8 import is_utf8 as is_utf8
