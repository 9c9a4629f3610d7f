from market_data.reader import (
    AppError as AppError,
)
from market_data.reader import (
    Basis as Basis,
)
from market_data.reader import (
    Books as Books,
)
from market_data.reader import (
    BooksIterator as BooksIterator,
)
from market_data.reader import (
    BookStatus as BookStatus,
)
from market_data.reader import (
    BrokerError as BrokerError,
)
from market_data.reader import (
    BrokerUnavailable as BrokerUnavailable,
)
from market_data.reader import (
    Fill as Fill,
)
from market_data.reader import (
    KeyProof as KeyProof,
)
from market_data.reader import (
    Level as Level,
)
from market_data.reader import (
    Levels as Levels,
)
from market_data.reader import (
    Minute as Minute,
)
from market_data.reader import (
    NormalizedBook as NormalizedBook,
)
from market_data.reader import (
    OrderProof as OrderProof,
)
from market_data.reader import (
    OverTime as OverTime,
)
from market_data.reader import (
    Proof as Proof,
)
from market_data.reader import (
    Reason as Reason,
)
from market_data.reader import (
    SettingsError as SettingsError,
)
from market_data.reader import (
    SymbolView as SymbolView,
)
from market_data.reader import (
    UsageError as UsageError,
)
from market_data.reader import (
    iter_books as iter_books,
)
from market_data.reader import (
    read_books as read_books,
)

__version__: str
