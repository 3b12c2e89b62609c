"""What becomes of coroutines, and of the objects that an async session loaded?"""
