"""legs"""
